//! Objects in buckets.

use serde::Deserialize;

use crate::{
    Aws, CallError,
    call::{At, Request, Service},
};

static S3: Service = Service {
    host: "s3",
    signed_as: "s3",
    id: "S3",
    signs_bodies: true,
    parse_error: |_answer, body| {
        let error: Refusal = quick_xml::de::from_str(body).ok()?;
        Some((error.code, error.message))
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

impl Aws {
    /// Writes a text as this object, encrypted with S3's own keys, in place of what was there. The key
    /// is made of letters, digits and `/`, `.`, `-`, `_`. Needs `s3:PutObject`.
    pub async fn put_text(&self, bucket: &str, key: &str, text: String) -> Result<(), CallError> {
        let call = "PutObject";
        let region = self.region_for(call)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
        if !key.bytes().all(is_plain) {
            let why = format!("the key '{key}' holds characters that need an escape");
            return Err(CallError::NoAnswer { call, why });
        }
        let request = Request {
            call,
            at: At::Object(format!("/{bucket}/{key}")),
            headers: vec![
                ("content-type", "text/plain".to_owned()),
                ("x-amz-server-side-encryption", "AES256".to_owned()),
            ],
            body: text,
        };
        self.call(&S3, region, request).await.map(drop)
    }
}
