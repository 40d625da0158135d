//! This server: what runs here.

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::caller::{AdminScope, Caller};
use super::problem::Problem;
use super::{Api, Resource};

pub struct ServerApi;

/// What runs here, and how far whoever asks may go.
#[derive(Debug, Object)]
#[oai(example)]
struct Server {
    /// The version of the program.
    version: String,
    /// The issuer, byte for byte.
    issuer: String,
    database: DatabaseBackend,
    /// What the caller may do: of the scope of its token what the role of its user has now, and of a machine's all of it.
    scopes: Vec<String>,
}

/// The kind of database.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
enum DatabaseBackend {
    Sqlite,
    Postgres,
}

impl Example for Server {
    fn example() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            issuer: "https://id.example.com/".to_owned(),
            database: DatabaseBackend::Sqlite,
            scopes: vec!["server:read".to_owned(), "events:read".to_owned()],
        }
    }
}

#[derive(ApiResponse)]
enum Shown {
    /// What runs here.
    #[oai(status = 200, content_type = "application/json")]
    Server(Json<Server>),
}

#[OpenApi(tag = "Resource::Server")]
impl ServerApi {
    /// Shows the server
    ///
    /// Version, issuer, kind of database, and the scopes that the caller may use. Needs the scope `server:read`.
    #[oai(path = "/server", method = "get", operation_id = "server_show")]
    async fn show(&self, #[oai(scope = "AdminScope::ServerRead")] caller: Caller, api: Data<&Api>) -> Result<Shown, Problem> {
        caller.may(AdminScope::ServerRead)?;
        let database = if api.admin.backend() == "sqlite" { DatabaseBackend::Sqlite } else { DatabaseBackend::Postgres };
        let scopes = caller.held().iter().map(|scope| scope.as_str().to_owned()).collect();
        Ok(Shown::Server(Json(Server { version: env!("CARGO_PKG_VERSION").to_owned(), issuer: api.core.issuer().to_owned(), database, scopes })))
    }
}
