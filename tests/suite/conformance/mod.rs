//! The modules of the OpenID Foundation's conformance suite as tests of ours, each under its own name: what is sent and what is checked
//! follows the module's source. `docs/conformance.md` lists them. Passing these is not a certification.
//!
//! A module of the Basic plan runs twice, in `basic` with the default response mode and in `form_post` with `form_post`.

mod basic;
mod claims;
mod codes;
mod config;
mod form_post;
mod happy;
mod rp_initiated_logout;
mod session;
mod suite;
mod table;

/// A plan that consists of modules of the Basic plan, each a test on either database.
macro_rules! plan {
    ($variant:expr; $($family:ident: $($module:ident),+;)+) => {
        $($(
            async fn $module(database: $crate::support::database::Database) {
                $crate::conformance::$family::$module($crate::conformance::suite::Suite::start(database, $variant).await).await;
            }
        )+)+
        $crate::support::database::each_database!($($($module),+),+);
    };
}
use plan;
