use askama::Template;
use jiff::Timestamp;
use lablink_core::vms::State;

use super::usage::UsageChart;
use crate::{
    history::happening::Happening,
    line::place_row::PlaceRow,
    links,
    operations::summary::OperationSummary,
    pages::{Timeline, Tone},
};

/// `/admin`: the pool at a glance. It changes by itself.
#[derive(Template)]
#[template(path = "overview/overview.html")]
pub struct AdminPage {
    pub pool: PoolCounts,
    /// The newest first; a handful.
    pub operations: Vec<OperationSummary>,
    /// What happened lately, the newest first; a handful.
    pub happenings: Vec<Happening>,
    /// The first in line; a handful.
    pub line: Vec<PlaceRow>,
    /// Claims whose participants want to get back in.
    pub reentries: usize,
    pub usage: UsageChart,
    /// Of the newest VMs; a handful.
    pub timeline: Timeline,
    pub connections: DatabaseConnections,
    /// Sentences that the organiser should read, such as warnings about the configuration.
    pub notes: Vec<String>,
    /// What elapsed time is counted to while an operation runs.
    pub now: Timestamp,
}

/// VMs by state. `in_use` is a part of `claimed`; the others don't overlap.
#[derive(Clone, Copy, Default)]
pub struct PoolCounts {
    pub free: i64,
    pub claimed: i64,
    pub in_use: i64,
    pub starting: i64,
    pub unhealthy: i64,
    pub overdue: i64,
    pub stale: i64,
    pub suspect: i64,
    pub barred: i64,
    pub ending: i64,
    pub failed: i64,
    /// People in line, those for whom a VM is kept included.
    pub in_line: i64,
}

/// Connections to the database: those of the allocator that answers, and the server's in all.
#[derive(Clone, Copy)]
pub struct DatabaseConnections {
    pub used: usize,
    pub most: usize,
    pub server_open: i64,
    pub server_most: i64,
}

impl DatabaseConnections {
    fn is_tight(&self) -> bool {
        self.used == self.most || self.server_open * 10 >= self.server_most * 9
    }
}

/// A number that leads to what it counts.
struct Tile {
    label: &'static str,
    count: i64,
    tone: Tone,
    url: String,
}

impl AdminPage {
    fn tiles(&self) -> Vec<Tile> {
        let pool = &self.pool;
        let tile = |label, count, tone, url| Tile { label, count, tone, url };
        let alert = |label, count, tone, url| {
            tile(label, count, if count > 0 { tone } else { Tone::Quiet }, url)
        };
        let alert_of = |label, count, tone, state| alert(label, count, tone, links::vms_in(state));
        let mut tiles = vec![
            tile("Free", pool.free, Tone::Good, links::vms_in(State::Free)),
            tile("Claimed", pool.claimed, Tone::Busy, links::vms_in(State::Claimed)),
            tile("In use now", pool.in_use, Tone::Busy, links::vms_in(State::Claimed)),
            tile("Starting", pool.starting, Tone::Quiet, links::vms_in(State::Starting)),
            alert("In line", pool.in_line, Tone::Warn, "/admin/participants".to_owned()),
            alert_of("Unhealthy", pool.unhealthy, Tone::Bad, State::Unhealthy),
            alert_of("Overdue", pool.overdue, Tone::Bad, State::Overdue),
            alert_of("Silent", pool.stale, Tone::Warn, State::Stale),
            alert_of("Suspect", pool.suspect, Tone::Bad, State::Suspect),
            alert_of("Barred", pool.barred, Tone::Bad, State::Barred),
            alert_of("Failed", pool.failed, Tone::Bad, State::Failed),
        ];
        // Only spot machines in a cloud ever are.
        if pool.ending > 0 {
            tiles.push(alert_of("Taken back", pool.ending, Tone::Bad, State::Ending));
        }
        tiles
    }

    /// For screen readers: how much needs attention.
    fn tells(&self) -> String {
        let pool = &self.pool;
        let attention =
            pool.unhealthy + pool.overdue + pool.stale + pool.suspect + pool.ending + pool.failed;
        format!("VMs in trouble: {attention}. People who want to get back in: {}.", self.reentries)
    }

    fn moves(&self) -> bool {
        self.pool.starting > 0 || self.operations.iter().any(|operation| operation.moves())
    }
}

#[cfg(test)]
mod tests {
    use lablink_core::operations::OperationState;

    use super::*;

    fn page(operations: Vec<OperationSummary>, notes: &[&str]) -> String {
        let pool = PoolCounts {
            free: 11,
            claimed: 12,
            in_use: 13,
            unhealthy: 15,
            in_line: 16,
            overdue: 17,
            suspect: 18,
            barred: 19,
            ending: 0,
            ..PoolCounts::default()
        };
        let notes = notes.iter().map(|note| (*note).to_owned()).collect();
        let happenings = vec![Happening {
            at: Timestamp::UNIX_EPOCH,
            text: "<script> was claimed".to_owned(),
            actor: "participant".to_owned(),
        }];
        AdminPage {
            pool,
            operations,
            happenings,
            line: vec![PlaceRow {
                id: 1,
                of_address: None,
                is_invited: false,
                email: "<i>bob</i>".to_owned(),
                since: Timestamp::UNIX_EPOCH,
                last_looked_at: Timestamp::UNIX_EPOCH,
                offered: None,
            }],
            reentries: 2,
            usage: UsageChart { samples: Vec::new() },
            timeline: Timeline { rows: Vec::new() },
            connections: DatabaseConnections {
                used: 3,
                most: 20,
                server_open: 91,
                server_most: 97,
            },
            notes,
            now: Timestamp::UNIX_EPOCH,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn shows_the_pool_and_the_ways_on() {
        let html = page(Vec::new(), &[]);
        for key in [
            ">11<",
            ">12<",
            ">13<",
            ">0<",
            ">15<",
            ">16<",
            ">17<",
            ">18<",
            ">19<",
            "<h2>No operation yet</h2>",
        ] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains("2 people want") && html.contains("show=overdue"));
        assert!(html.contains("&#60;script&#62; was claimed"));
        assert!(html.contains("&#60;i&#62;bob"));
        for (look, path) in [
            ("button primary", "/admin/create"),
            ("button", "/admin/instances"),
            ("button danger", "/admin/instances/delete"),
        ] {
            assert!(html.contains(&format!(r#"class="{look}" href="{path}""#)), "{path}");
        }
    }

    #[test]
    fn tells_how_many_connections_are_left() {
        let html = page(Vec::new(), &[]);
        assert!(html.contains("3 of 20") && html.contains("91 of 97"));
        assert!(html.contains("nearly all are taken"));
    }

    #[test]
    fn marks_its_place_in_the_navigation() {
        let html = page(Vec::new(), &[]);
        assert!(html.contains(r#"<a href="/admin" aria-current="page">"#));
        assert_eq!(html.matches("aria-current").count(), 1);
    }

    #[test]
    fn notes_and_operations_are_listed() {
        let operation = OperationSummary::sample(OperationState::Running);
        let html = page(vec![operation], &["Agents need no token <b>"]);
        assert!(html.contains("Agents need no token &#60;b&#62;"));
        assert!(html.contains(r#"href="/admin/operations/7""#));
        assert!(html.contains(r#"http-equiv="refresh""#), "an operation runs");
    }
}
