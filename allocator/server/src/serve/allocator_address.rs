use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use lablink_config::Config;

use crate::cli::ServeArgs;

/// The public address that VMs on AWS let in by SSH: as it is given, else as the metadata of the
/// instance that this is has it. Empty where several allocators come and go: they are let in by
/// their security group.
pub async fn allocator_address(args: &ServeArgs, config: &Config) -> Result<String> {
    if let Some(given) = args.allocator_public_ip.as_deref().filter(|text| !text.is_empty()) {
        let address: Ipv4Addr = given.trim().parse().with_context(|| {
            format!("ALLOCATOR_PUBLIC_IP (--allocator-public-ip): '{given}' is no IPv4 address")
        })?;
        return Ok(address.to_string());
    }
    if config.allocator.count.get() > 1 {
        return Ok(String::new());
    }
    match from_metadata().await {
        Some(address) => {
            tracing::info!(%address, "this instance's own public address is let in by its VMs");
            Ok(address.to_string())
        }
        None => bail!(
            "provider: aws needs this machine's public address, or VMs would let nobody fetch \
             results: set ALLOCATOR_PUBLIC_IP (--allocator-public-ip) to the IPv4 address with which \
             it reaches the internet"
        ),
    }
}

#[cfg(feature = "aws")]
async fn from_metadata() -> Option<Ipv4Addr> {
    lablink_aws::public_address().await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as its twin with the feature")]
async fn from_metadata() -> Option<Ipv4Addr> {
    None
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    async fn found(given: &str, yaml: &str) -> Result<String> {
        let options = ["lablink-allocator", "--allocator-public-ip", given];
        let config = Config::parse(yaml).unwrap();
        allocator_address(&Cli::parse_from(options).serve, &config).await
    }

    #[tokio::test]
    async fn an_address_that_is_given_has_to_be_one() {
        assert_eq!(found("203.0.113.7", "").await.unwrap(), "203.0.113.7");
        let refused = found("lab.example.org", "").await.unwrap_err().to_string();
        assert!(refused.contains("no IPv4 address"), "{refused}");
    }

    #[tokio::test]
    async fn several_allocators_are_known_by_their_group() {
        let several = "db: {kind: rds}\nallocator: {count: 2}\nbucket_name: states\n\
            dns: {enabled: true, domain: lab.example.org}\nssl: {provider: acm, certificate_arn: \
            'arn:aws:acm:us-west-2:123456789012:certificate/1'}";
        assert_eq!(found("", several).await.unwrap(), "");
    }
}
