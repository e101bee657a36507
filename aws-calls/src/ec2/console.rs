use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::query::Query;
use crate::{Aws, CallError};

impl Aws {
    /// What an instance has written to its console, as far as EC2 keeps it; it lags by minutes. Needs
    /// `ec2:GetConsoleOutput`.
    pub async fn console(&self, id: &str) -> Result<String, CallError> {
        let query = Query::new("GetConsoleOutput").set("InstanceId", id);
        let answer: Answer = self.ec2(&query, None).await?;
        let text = answer.output.unwrap_or_default();
        let bytes = BASE64_STANDARD.decode(text.split_whitespace().collect::<String>());
        Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    }
}

#[derive(Deserialize)]
struct Answer {
    output: Option<String>,
}
