//! How VMs came up, from the core's times to a chart's stretches.

use jiff::Timestamp;
use lablink_core::startup::{Stage, Start};

use crate::pages::{Stretch, TimelineRow};

impl From<&Start> for TimelineRow {
    fn from(start: &Start) -> Self {
        let since = |at: Timestamp| at.duration_since(start.asked_at).as_secs_f64().max(0.0);
        let stages = [
            ("Terraform", "terraform", start.stages.provisioning),
            ("Cloud-init", "cloud-init", start.stages.cloud_init),
            ("Image pull", "image-pull", start.stages.image_pull),
            ("Container", "container", start.stages.container),
        ];
        let mut end = 0.0;
        let drawn = stages.into_iter().filter_map(|(name, class, stage): (_, _, Stage)| {
            let seconds = stage.seconds?;
            // What tells only how long it took is drawn behind what came before.
            let from_seconds = stage.started_at.map_or(end, since);
            end = from_seconds + seconds;
            Some(Stretch { name, class, from_seconds, seconds })
        });
        Self {
            hostname: start.hostname.to_string(),
            stages: drawn.collect(),
            ready_seconds: start.ready_at.map(since),
        }
    }
}
