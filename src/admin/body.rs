//! The body of a request: JSON that means one thing only.

use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::error::{ContentTypeError, ParseRequestPayloadError};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::described::Described;
use super::misfit::{self, Misfit};
use crate::protocol::json;

/// A JSON body in which no member comes twice, and each is of its type: the framework's own would take the last, and a number for a text.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let refused = |reason: String| ParseRequestPayloadError { reason };
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| refused("it is not UTF-8".to_owned()))?;
        let value = json::parse(text).map_err(|error| refused(error.to_string()))?;
        let problems = misfit::of::<T>(Described::by(request)?.types(), &value);
        if !problems.is_empty() {
            return Err(Misfit(problems).into());
        }
        Ok(Self(T::parse_from_json(Some(value)).map_err(|error| refused(without_value(&error.into_message())))?))
    }
}

/// The framework's reason, without the value that did not fit: it may be a secret.
fn without_value(reason: &str) -> String {
    let Some((what, rest)) = reason.split_once(", found ") else { return reason.to_owned() };
    let place = rest.rfind(" (occurred while parsing ").and_then(|at| rest.get(at..)).unwrap_or_default();
    format!("{what}{place}")
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: <Self as Payload>::CONTENT_TYPE, schema: <Self as Payload>::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        match request.content_type() {
            Some(content_type) if <Self as Payload>::check_content_type(content_type) => <Self as ParsePayload>::from_request(request, body).await,
            Some(content_type) => Err(ContentTypeError::NotSupported { content_type: content_type.to_owned() }.into()),
            None => Err(ContentTypeError::ExpectContentType.into()),
        }
    }
}

/// The same of a body that may be left out: then it is what an object without members would be.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

impl<'a, T: ParseFromJSON + Default> ApiExtractor<'a> for OptionalBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Body<T> as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { required: false, ..<Body<T> as ApiExtractor>::request_meta()? })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, options: ExtractParamOptions<()>) -> Result<Self> {
        // Not by its headers: some libraries name the type of a body that they do not send.
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        *body = RequestBody::new(bytes.into());
        Ok(Self(<Body<T> as ApiExtractor>::from_request(request, body, options).await?.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_fit_is_not_repeated() {
        let reason = r#"Expected input type "string", found ["hunter2"]. (occurred while parsing "NewPassword")"#;
        assert_eq!(without_value(reason), r#"Expected input type "string" (occurred while parsing "NewPassword")"#);
        assert_eq!(without_value(r#"Expected input type "string", found 1."#), r#"Expected input type "string""#);
        assert_eq!(without_value("unknown field `x`"), "unknown field `x`");
    }
}
