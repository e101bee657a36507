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
        let path = path(call, bucket, key)?;
        let request = Request {
            call,
            at: At::Put(path),
            headers: vec![
                ("content-type", "text/plain".to_owned()),
                ("x-amz-server-side-encryption", "AES256".to_owned()),
            ],
            body: text,
        };
        self.call(&S3, region, request).await.map(drop)
    }

    /// The text of this object; none: there is none of this key, or no such bucket. Needs
    /// `s3:GetObject` and, to be told that there is none, `s3:ListBucket`.
    pub async fn text(&self, bucket: &str, key: &str) -> Result<Option<String>, CallError> {
        self.read("GetObject", path("GetObject", bucket, key)?).await
    }

    /// Whether there is such a bucket, and this account may look into it. Needs `s3:ListBucket`.
    pub async fn has_bucket(&self, bucket: &str) -> Result<bool, CallError> {
        let call = "ListObjectsV2";
        let path = format!("{}?list-type=2&max-keys=1", path(call, bucket, "")?);
        Ok(self.read(call, path).await?.is_some())
    }

    /// The keys that begin like this: at most a thousand. Needs `s3:ListBucket`.
    pub async fn keys_in(&self, bucket: &str, beginning: &str) -> Result<Vec<String>, CallError> {
        let call = "ListObjectsV2";
        path(call, bucket, beginning)?;
        let beginning = beginning.replace('/', "%2F");
        let path = format!("{}?list-type=2&prefix={beginning}", path(call, bucket, "")?);
        let Some(body) = self.read(call, path).await? else { return Ok(Vec::new()) };
        let odd = |error| CallError::NoAnswer { call, why: format!("its answer is odd: {error}") };
        let list: List = quick_xml::de::from_str(&body).map_err(odd)?;
        Ok(list.contents.into_iter().map(|it| it.key).collect())
    }

    async fn read(&self, call: &'static str, path: String) -> Result<Option<String>, CallError> {
        let region = self.region_for(call)?;
        let request = Request { call, at: At::Get(path), headers: Vec::new(), body: String::new() };
        match self.call(&S3, region, request).await {
            Err(CallError::Refused { code, .. })
                if code == "NoSuchKey" || code == "NoSuchBucket" =>
            {
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }
}

fn path(call: &'static str, bucket: &str, key: &str) -> Result<String, CallError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
    if bucket.bytes().chain(key.bytes()).all(is_plain) {
        return Ok(format!("/{bucket}/{key}"));
    }
    let why = format!("'{bucket}/{key}' holds characters that need an escape");
    Err(CallError::NoAnswer { call, why })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(default)]
    contents: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
}
