//! What carries tags, in all services of a region.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Aws, CallError,
    call::Service,
    quotas::{json_error, json_request, parsed},
};

static TAGGING: Service = Service {
    host: "tagging",
    signed_as: "tagging",
    id: "Resource Groups Tagging API",
    signs_bodies: false,
    parse_error: json_error,
};

impl Aws {
    /// The ARNs of what carries all of these tags. Roles are in no region, and not among them. Needs
    /// `tag:GetResources`.
    pub async fn arns_with_tags(&self, tags: &[(&str, &str)]) -> Result<Vec<String>, CallError> {
        let filter = |(key, value): &(&str, &str)| json!({ "Key": key, "Values": [value] });
        self.arns(tags.iter().map(filter).collect()).await
    }

    /// The same of what has this tag, whatever its value.
    pub async fn arns_with_tag(&self, key: &str) -> Result<Vec<String>, CallError> {
        self.arns(json!([{ "Key": key }])).await
    }

    async fn arns(&self, filters: Value) -> Result<Vec<String>, CallError> {
        let call = "GetResources";
        let region = self.region_for(call)?;
        let (mut arns, mut after) = (Vec::new(), String::new());
        loop {
            let asked = json!({ "TagFilters": filters, "PaginationToken": after });
            let target = format!("ResourceGroupsTaggingAPI_20170126.{call}");
            let answer = self.call(&TAGGING, region, json_request(call, target, &asked)).await?;
            let page: Page = parsed(call, &answer)?;
            arns.extend(page.resource_tag_mapping_list.into_iter().map(|it| it.resource_arn));
            after = page.pagination_token.unwrap_or_default();
            if after.is_empty() {
                return Ok(arns);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    resource_tag_mapping_list: Vec<Tagged>,
    pagination_token: Option<String>,
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
}
