//! Service Quotas: how much of something an account may have.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    Aws, CallError,
    call::{At, Request, Service},
};

static QUOTAS: Service = Service {
    host: "servicequotas",
    signed_as: "servicequotas",
    id: "Service Quotas",
    signs_bodies: false,
    parse_error: json_error,
};

impl Aws {
    /// The quota of EC2 that has this code, as `L-DB2E81BA`, in its own unit. Needs
    /// `servicequotas:GetServiceQuota`, and `servicequotas:GetAWSDefaultServiceQuota` for accounts that
    /// never had one of their own.
    pub async fn ec2_quota(&self, code: &str) -> Result<f64, CallError> {
        let asked = json!({"ServiceCode": "ec2", "QuotaCode": code});
        match self.quota("GetServiceQuota", &asked).await {
            Err(CallError::Refused { code, .. }) if code == "NoSuchResourceException" => {
                self.quota("GetAWSDefaultServiceQuota", &asked).await
            }
            answer => answer,
        }
    }

    async fn quota(&self, call: &'static str, asked: &Value) -> Result<f64, CallError> {
        let region = self.region_for(call)?;
        let target = format!("ServiceQuotasV20190624.{call}");
        let body = self.call(&QUOTAS, region, json_request(call, target, asked)).await?;
        parsed::<Answer>(call, &body).map(|answer| answer.quota.value)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    quota: Quota,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    value: f64,
}

/// A request of the protocol JSON 1.1.
pub(crate) fn json_request(call: &'static str, target: String, asked: &Value) -> Request {
    let kind = "application/x-amz-json-1.1".to_owned();
    Request {
        call,
        at: At::Service,
        headers: vec![("content-type", kind), ("x-amz-target", target)],
        body: asked.to_string(),
    }
}

/// An error of the protocol JSON 1.1. Its kind may have a namespace before it, and a link after it.
pub(crate) fn json_error(answer: &HttpResponse, body: &str) -> Option<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let kind = answer.headers().get("x-amzn-errortype").filter(|kind| !kind.is_empty());
    let kind = kind.or_else(|| body["__type"].as_str())?;
    let kind = kind.split(':').next()?.rsplit('#').next()?;
    let message = ["message", "Message"].iter().find_map(|key| body[key].as_str());
    Some((kind.to_owned(), message.unwrap_or_default().to_owned()))
}

pub(crate) fn parsed<A: DeserializeOwned>(call: &'static str, body: &str) -> Result<A, CallError> {
    let odd = |error| CallError::NoAnswer { call, why: format!("its answer is odd: {error}") };
    serde_json::from_str(body).map_err(odd)
}
