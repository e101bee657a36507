//! The Parameter Store, where secrets lie.

use serde::Deserialize;
use serde_json::json;

use crate::{
    Aws, CallError,
    call::Service,
    quotas::{json_error, json_request, parsed},
};

static SSM: Service = Service {
    host: "ssm",
    signed_as: "ssm",
    id: "SSM",
    signs_bodies: false,
    parse_error: json_error,
};

impl Aws {
    /// What a parameter holds, in clear; none: there is none of this name. Needs `ssm:GetParameter`.
    pub async fn parameter(&self, name: &str) -> Result<Option<String>, CallError> {
        let call = "GetParameter";
        let region = self.region_for(call)?;
        let asked = json!({ "Name": name, "WithDecryption": true });
        let request = json_request(call, format!("AmazonSSM.{call}"), &asked);
        match self.call(&SSM, region, request).await {
            Err(CallError::Refused { code, .. }) if code == "ParameterNotFound" => Ok(None),
            answer => Ok(Some(parsed::<Answer>(call, &answer?)?.parameter.value)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}
