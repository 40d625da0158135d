//! Of `http`, the files that read headers and name no web framework.

#[path = "../../../src/http/cookie_header.rs"]
pub mod cookie_header;
#[path = "../../../src/http/forwarded.rs"]
pub mod forwarded;
pub mod pages;
