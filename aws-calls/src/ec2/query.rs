//! The Query protocol, which EC2 speaks: a form goes out, XML comes back.

use form_urlencoded::Serializer;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Aws, CallError,
    call::{At, Request, Service},
};

static EC2: Service = Service {
    host: "ec2",
    signed_as: "ec2",
    id: "EC2",
    signs_bodies: false,
    parse_error: |_answer, body| {
        let response: Refusal = quick_xml::de::from_str(body).ok()?;
        let error = response.errors.error.into_iter().next()?;
        Some((error.code, error.message))
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    errors: Errors,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Errors {
    error: Vec<Error>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Error {
    code: String,
    #[serde(default)]
    message: String,
}

/// A list in EC2's XML.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Items<T> {
    #[serde(rename = "item", default = "Vec::new")]
    pub(super) items: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

/// The most values that EC2 takes in one filter or list of ids.
pub(super) const MOST: usize = 200;
/// The most pages that are read of one answer: more would be a token that never ends.
const PAGES: usize = 1000;

/// A call with its parameters.
pub(super) struct Query {
    call: &'static str,
    form: Vec<(String, String)>,
    filters: usize,
}

impl Query {
    pub(super) fn new(call: &'static str) -> Self {
        let form = vec![
            ("Action".to_owned(), call.to_owned()),
            ("Version".to_owned(), "2016-11-15".to_owned()),
        ];
        Self { call, form, filters: 0 }
    }

    pub(super) fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.form.push((name.into(), value.into()));
        self
    }

    /// `Name.1`, `Name.2` and so on.
    pub(super) fn list<V: AsRef<str>>(mut self, name: &str, values: &[V]) -> Self {
        for (at, value) in values.iter().enumerate() {
            self = self.set(format!("{name}.{}", at + 1), value.as_ref());
        }
        self
    }

    /// Only what has one of these values.
    pub(super) fn filter<V: AsRef<str>>(mut self, name: &str, values: &[V]) -> Self {
        self.filters += 1;
        let filter = format!("Filter.{}", self.filters);
        self.set(format!("{filter}.Name"), name).list(&format!("{filter}.Value"), values)
    }

    fn request(&self, token: Option<&str>) -> Request {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(&self.form);
        if let Some(token) = token {
            form.append_pair("NextToken", token);
        }
        Request {
            call: self.call,
            at: At::Service,
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            )],
            body: form.finish(),
        }
    }
}

/// One page of an answer.
pub(super) trait Page: DeserializeOwned {
    type Entry;
    fn split(self) -> (Vec<Self::Entry>, Option<String>);
}

impl Aws {
    pub(super) async fn ec2<A: DeserializeOwned>(
        &self,
        query: &Query,
        token: Option<&str>,
    ) -> Result<A, CallError> {
        let call = query.call;
        let odd = |error| CallError::NoAnswer { call, why: format!("its answer is odd: {error}") };
        quick_xml::de::from_str(&self.ec2_text(query, token).await?).map_err(odd)
    }

    /// The answer as it came.
    pub(super) async fn ec2_text(
        &self,
        query: &Query,
        token: Option<&str>,
    ) -> Result<String, CallError> {
        let region = self.region_for(query.call)?;
        self.call(&EC2, region, query.request(token)).await
    }

    /// Reads an answer page by page.
    pub(super) async fn ec2_all<P: Page>(&self, query: Query) -> Result<Vec<P::Entry>, CallError> {
        let (mut found, mut token) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page: P = self.ec2(&query, token.as_deref()).await?;
            let (entries, next) = page.split();
            found.extend(entries);
            token = next.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
        let why = format!("its answer has no end after {PAGES} pages");
        Err(CallError::NoAnswer { call: query.call, why })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

    use super::*;

    /// A service that gives these answers, one after the other; what it was asked comes back.
    fn serve(answers: [&'static str; 2]) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = thread::spawn(move || {
            let answer = |body: &str| {
                let (mut connection, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut part = [0; 4096];
                // The body is the last line, and the calls here end with it.
                while !request.ends_with(b"true") && !request.ends_with(b"more") {
                    let length = connection.read(&mut part).unwrap();
                    assert!(length > 0, "the request was cut off");
                    request.extend_from_slice(&part[..length]);
                }
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                connection.write_all((head + body).as_bytes()).unwrap();
                String::from_utf8(request).unwrap()
            };
            answers.into_iter().map(answer).collect()
        });
        (url, asked)
    }

    #[tokio::test]
    async fn pages_become_one_answer_and_each_is_asked_for_and_signed() {
        let (url, asked) = serve([
            "<R><subnetSet><item><subnetId>a</subnetId><vpcId>v</vpcId><availabilityZone>z\
             </availabilityZone></item></subnetSet><nextToken>more</nextToken></R>",
            "<R><subnetSet><item><subnetId>b</subnetId><vpcId>v</vpcId><availabilityZone>z\
             </availabilityZone></item></subnetSet><nextToken/></R>",
        ]);
        let keys = Credentials::new("AKIA", "secret", None, None, "test");
        let aws = Aws(SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-west-2"))
            .endpoint_url(url)
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build());
        let found = aws.subnets(None).await.unwrap();
        let ids: Vec<_> = found.iter().map(|subnet| subnet.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        let asked = asked.join().unwrap();
        assert!(!asked[0].contains("NextToken") && asked[1].ends_with("&NextToken=more"));
        for request in asked {
            assert!(request.contains("/us-west-2/ec2/aws4_request"), "{request}");
        }
    }
}
