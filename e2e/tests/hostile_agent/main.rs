//! Somebody with root on one VM against the allocator, beside 200 participants who load the form
//! and claim: what it costs them, and what it leaves in memory and in the database.
//!
//! `make hostile-agent` measures each attack and prints a table; the short form asserts what holds.
//! With `LABLINK_PROGRAMS` naming a folder with an earlier `lablink-allocator`, the same is done to
//! that.

mod attacks;
mod participants;
mod report;
mod world;

use std::time::Duration;

use anyhow::{Result, ensure};

use self::{
    attacks::{ALL, Attack},
    report::Row,
    world::World,
};

const PARTICIPANTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn one_hostile_agent_keeps_nobody_from_a_machine() -> Result<()> {
    let world = World::new(4_000).await?;
    world.write_log(20_000).await?;
    // First one by one, so that each comes to its own bound before its requests are used up.
    let hostile = &world.hostile;
    ensure!(hostile.ask(Attack::Lines, 1).await? == [200], "what is dropped is answered well");
    ensure!(hostile.ask(Attack::EventIds, 2).await? == [200, 200], "likewise");
    let flips = hostile.ask(Attack::Flips, 65).await?;
    // Its enrolment was one of its 60 events.
    ensure!(flips[..59].iter().all(|it| *it == 200) && flips[59] == 429, "{flips:?}");
    ensure!(hostile.ask(Attack::Metrics, 2).await? == [200, 422], "more keys than are kept");
    let row = world.suffer("everything at once", &ALL, Duration::from_secs(4)).await?;
    row.print();
    row.ensure_that_nobody_was_refused()?;
    // What the log had, and what the budgets allow at once and in the time since.
    let stored = world.count("select lines from log_volume where dropped > 0").await?;
    ensure!(stored <= 20_000 + 60_000 + 6_000, "{stored} lines are stored");
    let dropped = world.count("select dropped from log_volume where dropped > 0").await?;
    ensure!(dropped >= 980_000 + 2 * 180_000, "only {dropped} lines are counted as dropped");
    let events = world.count("select count(*) from event where actor like 'agent%'").await?;
    ensure!(events <= 60, "{events} events");
    let other = world.count("select max(length(other::text))::bigint from vm_startup").await?;
    ensure!(other <= 20_000, "{other} bytes of unknown timings");
    let megabytes = row.peak_memory / 1_000_000;
    ensure!(megabytes < 300, "{megabytes} MB were resident");
    let metrics = world.metrics().await?;
    for told in [
        "lablink_log_lines_dropped_total",
        "lablink_agent_refusals_total{reason=\"requests\"}",
        "lablink_agent_refusals_total{reason=\"events\"}",
    ] {
        ensure!(metrics.contains(told), "{told} is missing:\n{metrics}");
    }
    let page = world.page_of_the_vm().await?;
    ensure!(page.contains("lines of its log were dropped"), "its page does not tell: {page}");
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, for two minutes"]
async fn what_one_hostile_agent_costs() -> Result<()> {
    let world = World::new(10_000).await?;
    world.write_log(300_000).await?;
    Row::print_head();
    world.suffer("nothing", &[], WHILE).await?.print();
    for attack in ALL {
        let row = world.suffer(attack.name(), &[attack], WHILE).await?;
        row.print();
        world.rest().await;
    }
    world.suffer("everything at once", &ALL, WHILE).await?.print();
    world.end().await
}

const WHILE: Duration = Duration::from_secs(12);

impl World {
    /// Lets participants come while the attacks go on, for so long.
    async fn suffer(&self, what: &str, attacks: &[Attack], time: Duration) -> Result<Row> {
        let before = self.measure().await?;
        let hostile: Vec<_> = attacks.iter().flat_map(|it| it.begin(&self.hostile)).collect();
        let honest = participants::come(self, PARTICIPANTS, time).await;
        hostile.iter().for_each(|task| task.abort());
        let refused = self.hostile.refused();
        Row::new(what, honest?, before, self.measure().await?, refused)
    }
}
