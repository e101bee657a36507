use std::{fmt, marker::PhantomData};

use axum::{
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
};
use axum_extra::extract::Form;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    Problem,
    multipart::{FORM, as_plain_form},
};

/// A JSON body. An unreadable one is a 4xx that names the field.
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(Object(body))) => Ok(Self(body)),
            Err(rejection) => Err(unreadable(&rejection)),
        }
    }
}

/// A struct by its fields' names only: serde would also take a list of them, in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Object<T>, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fn unreadable(rejection: &JsonRejection) -> Problem {
    let code = match rejection {
        JsonRejection::MissingJsonContentType(_) => "not_json",
        JsonRejection::JsonSyntaxError(_) => "malformed_json",
        JsonRejection::JsonDataError(_) => "invalid",
        _ if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        _ => "unreadable",
    };
    Problem::unread(rejection.status(), code, rejection)
}

/// A form, as browsers, `curl -d` and `curl -F` send it, or the same fields as JSON. No body is an
/// empty one.
pub(crate) struct FormOrJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for FormOrJson<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(|value| value.as_bytes().to_ascii_lowercase());
        match content_type {
            Some(it) if it.starts_with(b"application/json") => {
                return Json::from_request(request, state).await.map(|Json(body)| Self(body));
            }
            Some(it) if it.starts_with(b"multipart/form-data") => {
                request = as_plain_form(request, state).await?;
            }
            Some(_) => {}
            None => {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
            }
        }
        match Form::from_request(request, state).await {
            Ok(Form(body)) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(rejection.status(), "too_large", rejection.body_text()))
            }
            Err(rejection) => {
                Err(Problem::unread(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &rejection))
            }
        }
    }
}

/// A truth value of JSON, or a form's tick, which is sent as the text `yes`.
pub(crate) fn ticked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Ticked;

    impl Visitor<'_> for Ticked {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
            match text {
                "yes" | "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            }
        }
    }
    deserializer.deserialize_any(Ticked)
}
