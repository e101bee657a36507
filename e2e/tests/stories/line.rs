//! The waiting line outlives the allocator.

use anyhow::{Context, Result};
use lablink_e2e::{Caller, Deployment, crd_command, eventually};
use std::time::Duration;

/// The line is served every 5 s at the latest.
const SERVED: Duration = Duration::from_secs(20);

async fn says(visitor: &Caller, place: &str, title: &str) -> Result<()> {
    eventually(&format!("the place to say '{title}'"), SERVED, async || {
        let page = visitor.get(place).await?.expect(200)?.text();
        Ok(page.contains(title).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_place_in_line_survives_a_crash_and_gets_the_machine_that_is_taken_back() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let first = allocator.claim("first@example.org", "4/first").await?;
    allocator.claim("second@example.org", "4/second").await?;
    let mut places = Vec::new();
    for email in ["ada@example.org", "bob@example.org"] {
        let joined = allocator.browser()?.post_form("/line", &[("email", email)]).await?;
        places.push(joined.expect(303)?.header("location")?.to_owned());
    }
    allocator.crash().await?;

    let allocator = deployment.start().await?;
    let visitor = allocator.browser()?;
    says(&visitor, &places[0], "You are next in line").await?;
    says(&visitor, &places[1], "You are in line").await?;
    let release = format!("/api/vms/{}/release", first.hostname);
    let taken = allocator.organiser()?.post_form(&release, &[("then", "reuse")]).await?;
    taken.expect(200)?;
    says(&visitor, &places[0], "A machine is ready for you").await?;
    assert_eq!(allocator.free_count().await?, 0);

    let form = [("crd_command", crd_command("4/ada"))];
    let form: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let claimed = visitor.post_form(&format!("{}/claim", places[0]), &form).await?.expect(303)?;
    let claim = claimed.header("location")?.to_owned();
    let page = visitor.get(&claim).await?.expect(200)?.body;
    assert!(page.contains(&first.hostname), "{page}");
    let pin = pin(&page).context("no PIN on the page")?;
    deployment.machine(&first.hostname).has_connected("4/ada", &pin).await?;
    says(&visitor, &places[1], "You are next in line").await?;
    allocator.stop().await?;
    Ok(())
}

fn pin(page: &str) -> Option<String> {
    let shown = page.split("class=\"pin\"").nth(1)?.split("</dd>").next()?;
    let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
    Some(digits)
}
