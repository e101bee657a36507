use std::time::Duration;

use lablink_core::{
    collections::Collect,
    operations::{BringBack, Destroy, GiveUp, Kinds, Launch, Reboot, Replace},
    pools::{
        AfterUse, Claiming, Desktop, Extension, Machines, PerAddress, Reclaim, Results, Rules,
        Source, StaleAfter,
    },
};

/// Everybody may have as many of this machine's VMs as there are.
pub fn rules() -> Rules {
    Rules {
        claiming: Claiming {
            email_domains: Vec::new(),
            access_code: None,
            reclaim: Reclaim::Link,
            desktop: Desktop::ChromeRemoteDesktop,
            per_address: PerAddress::UNLIMITED,
        },
        machines: Machines {
            launched_from: Some(Source::Local),
            description: "A process.".to_owned(),
            most_per_launch: 100,
            most_unknown: None,
            software: "sleap".to_owned(),
            stale_after: StaleAfter(Duration::from_secs(60)),
            after_use: AfterUse::Clean,
        },
        results: Results { extension: Extension::default() },
    }
}

/// The product's kinds of operations.
pub fn kinds() -> Kinds {
    Kinds::default()
        .with::<Launch>()
        .with::<Destroy>()
        .with::<Replace>()
        .with::<Collect>()
        .with::<BringBack>()
        .with::<GiveUp>()
        .with::<Reboot>()
}
