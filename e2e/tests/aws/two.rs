//! Two allocators, on hosts of their own, with one database and one state.

use std::time::Duration;

use anyhow::Result;
use lablink_e2e::{Deployment, eventually};

use crate::lab::{Lab, destroy_all, host, instances};

/// From the request to Terraform's run.
const SOON: Duration = Duration::from_secs(120);

#[tokio::test]
async fn of_two_allocators_one_finishes_what_the_other_was_killed_at() -> Result<()> {
    let Some(mut lab) = Lab::deployed(&[])? else { return Ok(()) };
    let mut other = host(&lab.cloud)?;
    for deployment in [&mut lab.deployment, &mut other] {
        deployment.set("LABLINK_SECRET_KEY", "5a".repeat(32));
    }
    let one = lab.deployment.start().await?;
    // As behind a load balancer, which here sends all VMs to the first.
    other.set("ALLOCATOR_FQDN", one.url(""));
    let database = lab.deployment.postgres_socket()?;
    other
        .set("DATABASE_URL", format!("host={} user=lablink dbname=lablink_db", database.display()));
    let two = other.start().await?;

    two.until_ended(one.launch(2).await?).await?;
    one.until_free(2).await?;
    let claimed = two.claim("ada@example.org", "4/abc").await?;
    claimed.page_says(&one.browser()?, "ready").await?;
    let before = instances(&lab, &two).await?;

    let operation = two.launch(2).await?;
    let at_work = eventually("one of them to be at work", SOON, async || {
        let at_work = [&lab.deployment, &other].map(Deployment::terraform_applies);
        let [one, two] = at_work;
        Ok(match (one?, two?) {
            (true, _) => Some(0),
            (_, true) => Some(1),
            _ => None,
        })
    })
    .await?;
    // Its Terraform goes on: it is the allocator that is gone.
    let (killed, host, left) = match at_work {
        0 => (one, &lab.deployment, two),
        _ => (two, &other, one),
    };
    killed.crash().await?;
    let ended = left.until_ended(operation).await?;
    eprintln!("the other ended it as {}: {}", ended["state"], ended["reason"]);
    left.until_quiet().await?;
    let known = instances(&lab, &left).await?;
    assert!(before.iter().all(|(name, id)| known.get(name) == Some(id)), "{known:?}");

    // As a service manager starts it again.
    let again = host.start().await?;
    again.until_free(3).await?;
    destroy_all(&left).await?;
    lab.nothing_is_left()?;
    for allocator in [again, left] {
        allocator.stop().await?;
    }
    Ok(())
}
