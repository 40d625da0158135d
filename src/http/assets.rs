//! The files that pages load; their names carry their content, so they are kept for ever.

use std::sync::Arc;

use poem::http::{HeaderValue, header};
use poem::{Request, Response};

use super::App;
use super::error::error_page;
use super::pages::ErrorKind;
use super::visit::Visit;

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let file = request.raw_path_param("file").unwrap_or_default();
    let Some(asset) = app.pages.asset(&format!("assets/{file}")) else {
        let visit = Visit::of(&app, &request);
        return error_page(&app, &visit.request_id, &visit.language(None), ErrorKind::NotFound, None, None);
    };
    let mut response =
        Response::builder().header(header::CONTENT_TYPE, asset.content_type).header(header::X_CONTENT_TYPE_OPTIONS, "nosniff").body(asset.bytes.to_vec());
    let keep = if asset.immutable { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}
