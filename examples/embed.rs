//! A poem application with its own issuer: sign-in below `/auth/`, and an API that lets through only who brings a token.
//!
//! `cargo run --example embed`, then open the link it prints. The database and the keys are made in the working directory.

use gatekey::{Issuer, Settings, TokenClaims};
use poem::listener::TcpListener;
use poem::web::Data;
use poem::{EndpointExt, Route, Server, get, handler};

const ISSUER: &str = "http://localhost:8080/auth/";
/// What the API is called in the `resource` of a client and the `aud` of its tokens.
const API: &str = "http://localhost:8080/api/";

#[handler]
fn notes(token: Data<&TokenClaims>) -> String {
    format!("The notes of {}\n", token.subject)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = Issuer::builder(Settings::for_issuer(ISSUER)?).build().await?;
    if let Some(link) = issuer.first_admin_link().await? {
        println!("Open this to become the administrator: {link}");
    }

    let api = Route::new().at("/notes", get(notes)).with(issuer.require_token(API).scope("notes:read"));
    // `mounted` puts the issuer at the path of its own URL, here /auth, and its RFC 8414 metadata at the root.
    let app = issuer.mounted().nest("/api", api);

    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    Server::new(TcpListener::bind("127.0.0.1:8080")).run_with_graceful_shutdown(app, interrupted, None).await?;
    issuer.close().await;
    Ok(())
}
