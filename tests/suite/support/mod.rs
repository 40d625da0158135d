//! What the flows share: databases, an application on a manual clock with seeded entropy, a browser, a relying party.

pub mod entropy;
