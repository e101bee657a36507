//! What an installation costs by itself, without VMs and traffic.

use super::{Deployment, settings::Settings};
use crate::output::table;

/// AWS's list prices in us-east-1 in November 2025, for what its price list is not asked for here; other
/// regions cost up to a third more.
mod dated {
    pub const WHEN: &str = "list prices of us-east-1, November 2025";
    /// Of gp3, a GiB and month.
    pub const DISK: f64 = 0.08;
    /// Of a snapshot, a GiB and month.
    pub const SNAPSHOT: f64 = 0.05;
    /// A public address and hour, in use or not.
    pub const ADDRESS: f64 = 0.005;
    /// A load balancer and hour.
    pub const BALANCER: f64 = 0.0225;
    /// Of RDS, a GiB and month.
    pub const DATABASE_DISK: f64 = 0.115;
    /// Hosts and databases, an hour.
    pub const MACHINES: [(&str, f64); 9] = [
        ("t3.small", 0.0208),
        ("t3.medium", 0.0416),
        ("t3.large", 0.0832),
        ("t3.xlarge", 0.1664),
        ("m6i.large", 0.096),
        ("db.t4g.micro", 0.016),
        ("db.t4g.small", 0.032),
        ("db.t4g.medium", 0.065),
        ("db.m7g.large", 0.168),
    ];
}

pub use dated::{ADDRESS, BALANCER, DISK, SNAPSHOT};

pub const HOURS_PER_MONTH: f64 = 730.0;

/// Items, each with what it costs a month; None: nobody knows.
pub struct Cost {
    items: Vec<(String, Option<f64>)>,
}

impl Cost {
    /// EC2's own price of the host, if it is answered; all else from the table.
    pub async fn of(deployment: &Deployment) -> Self {
        let host = deployment.variable("instance_type").unwrap_or("t3.large").to_owned();
        let asked = deployment.aws.price(&host).await.ok().flatten().map(|price| price.per_hour);
        let machines = Machines {
            host_price: asked.or_else(|| listed(&host)),
            host,
            database: deployment.variable("database_instance_class").unwrap_or("db.t4g.small"),
            volume_gib: number(deployment.variable("data_volume_gib"), 20.0),
            storage_gib: number(deployment.variable("database_storage_gib"), 20.0),
            stands_by: deployment.variable("database_multi_az") != Some("false"),
        };
        Self::from(&deployment.settings, &machines)
    }

    fn from(settings: &Settings, machines: &Machines<'_>) -> Self {
        let hosts = f64::from(settings.allocators);
        let monthly =
            |hourly: Option<f64>, count: f64| hourly.map(|it| it * HOURS_PER_MONTH * count);
        let mut items = vec![
            (format!("{hosts} × {}", machines.host), monthly(machines.host_price, hosts)),
            ("root disks".to_owned(), Some(30.0 * dated::DISK * hosts)),
        ];
        if settings.allocators == 1 {
            let gib = machines.volume_gib;
            items.push((format!("data volume, {gib} GiB"), Some(gib * dated::DISK)));
        }
        items.push(("public addresses".to_owned(), monthly(Some(dated::ADDRESS), hosts)));
        if settings.ssl.provider == "acm" {
            items.push(("load balancer".to_owned(), monthly(Some(dated::BALANCER), 1.0)));
        }
        if settings.db.kind == "rds" {
            let count = if machines.stands_by { 2.0 } else { 1.0 };
            let what = format!("{count} × {}", machines.database);
            items.push((what, monthly(listed(machines.database), count)));
            let storage = machines.storage_gib * dated::DATABASE_DISK * count;
            items.push(("database storage".to_owned(), Some(storage)));
        }
        Self { items }
    }

    pub fn usd_per_month(&self) -> f64 {
        self.items.iter().filter_map(|(_, price)| *price).sum()
    }

    pub fn shown(&self) -> String {
        let price =
            |price: Option<f64>| price.map_or("unknown".to_owned(), |it| format!("{it:.2}"));
        let items = self.items.iter().map(|(what, it)| [what.clone(), price(*it)]);
        let sum = [("together".to_owned()), price(Some(self.usd_per_month()))];
        format!(
            "{}\nWithout VMs, traffic and logs; {} where AWS was not asked.",
            table(["WITHOUT VMS", "USD A MONTH"], items.chain([sum])),
            dated::WHEN
        )
    }
}

struct Machines<'a> {
    host: String,
    host_price: Option<f64>,
    database: &'a str,
    volume_gib: f64,
    storage_gib: f64,
    /// A second database.
    stands_by: bool,
}

/// By the table, an hour.
pub fn listed(machine: &str) -> Option<f64> {
    dated::MACHINES.iter().find(|(name, _)| *name == machine).map(|(_, price)| *price)
}

fn number(set: Option<&str>, usual: f64) -> f64 {
    set.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cost(ssl: &str, db: &str, allocators: u32) -> Cost {
        let settings = json!({
            "environment": "prod", "deployment_name": "", "name": "prod", "state_folder": "prod",
            "region": "us-east-1", "bucket_name": "b", "remote_client_state": true,
            "allocators": allocators, "db": { "kind": db }, "ssl": { "provider": ssl }, "file": {},
        });
        let machines = Machines {
            host: "t3.large".to_owned(),
            host_price: listed("t3.large"),
            database: "db.t4g.small",
            volume_gib: 20.0,
            storage_gib: 20.0,
            stands_by: true,
        };
        Cost::from(&serde_json::from_value(settings).unwrap(), &machines)
    }

    #[test]
    fn one_host_is_the_cheapest_and_each_part_has_its_price() {
        let plain = cost("letsencrypt", "embedded", 1).usd_per_month();
        // 0.0832 + 0.005 an hour, 30 + 20 GiB.
        assert!((plain - 68.386).abs() < 0.001, "{plain}");
        let balanced = cost("acm", "embedded", 1).usd_per_month();
        assert!((balanced - plain - 0.0225 * HOURS_PER_MONTH).abs() < 0.001, "{balanced}");
        assert!(cost("acm", "rds", 2).usd_per_month() > balanced + plain);
        assert!(cost("acm", "rds", 2).shown().contains("load balancer"));
    }
}
