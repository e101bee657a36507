//! Pricing: what a machine costs on demand.

use std::collections::BTreeMap;

use aws_types::region::Region;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Aws, CallError,
    call::Service,
    quotas::{json_error, json_request, parsed},
};

static PRICING: Service = Service {
    host: "api.pricing",
    signed_as: "pricing",
    id: "Pricing",
    signs_bodies: false,
    parse_error: json_error,
};

/// What an hour of something costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    pub per_hour: f64,
    /// As in `USD`.
    pub currency: String,
}

impl Aws {
    /// What an hour of a machine costs in this region, on demand, with Linux; without disks and
    /// traffic. None: the price list does not have it. Needs `pricing:GetProducts`.
    pub async fn price(&self, machine_type: &str) -> Result<Option<Price>, CallError> {
        let call = "GetProducts";
        let filter = |field, value| json!({"Type": "TERM_MATCH", "Field": field, "Value": value});
        let asked = json!({
            "ServiceCode": "AmazonEC2",
            "FormatVersion": "aws_v1",
            "Filters": [
                filter("instanceType", machine_type),
                filter("regionCode", self.region()),
                filter("operatingSystem", "Linux"),
                filter("tenancy", "Shared"),
                filter("capacitystatus", "Used"),
                filter("preInstalledSw", "NA"),
                filter("marketoption", "OnDemand"),
            ],
        });
        // The price list is the same everywhere, and is kept in a few regions.
        let region = if self.region().starts_with("cn-") { "cn-northwest-1" } else { "us-east-1" };
        let request = json_request(call, format!("AWSPriceListService.{call}"), &asked);
        let body = self.call(&PRICING, &Region::from_static(region), request).await?;
        let list: List = parsed(call, &body)?;
        let found = list.price_list.iter().map(|text| parsed::<Product>(call, text));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().find_map(Product::price))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(default)]
    price_list: Vec<String>,
}

#[derive(Deserialize)]
struct Product {
    terms: Terms,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Terms {
    #[serde(default)]
    on_demand: BTreeMap<String, Term>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    price_per_unit: BTreeMap<String, String>,
}

impl Product {
    fn price(self) -> Option<Price> {
        let term = self.terms.on_demand.into_values().next()?;
        let dimension = term.price_dimensions.into_values().next()?;
        let (currency, amount) = dimension.price_per_unit.into_iter().next()?;
        let per_hour = amount.parse().ok()?;
        Some(Price { per_hour, currency })
    }
}
