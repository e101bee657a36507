//! The organiser launches VMs.

use anyhow::Result;
use lablink_e2e::Deployment;

#[tokio::test]
async fn the_organiser_launches_three_more_and_watches_them_arrive() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let browser = allocator.organisers_browser()?;

    let sent = browser.post_form("/api/launch", &[("num_vms", "3")]).await?.expect(303)?;
    let page = sent.header("location")?;
    let operation = page.strip_prefix("/admin/operations/").unwrap().parse()?;
    assert!(browser.get(page).await?.expect(200)?.text().contains("Launch"));

    let ended = allocator.until_ended(operation).await?;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["actor"], "admin:admin");
    assert_eq!(ended["progress"]["done"], 3);
    allocator.until_free(5).await?;

    let expected: Vec<String> = (1..=5).map(|number| format!("lablink-vm-dev-{number}")).collect();
    assert_eq!(deployment.machine_names()?, expected);
    assert_eq!(deployment.terraform_state()?.hostnames(), expected);
    assert!(allocator.statuses().await?.values().all(|status| status == "running"));
    let instances = browser.get("/admin/instances").await?.expect(200)?.text();
    assert!(expected.iter().all(|name| instances.contains(name)), "{instances}");
    Ok(())
}

#[tokio::test]
async fn a_script_can_wait_for_the_output_of_a_launch() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    let organiser = allocator.organiser()?;
    let launched =
        organiser.post_form("/api/launch?wait=true", &[("num_vms", "1")]).await?.expect(200)?;
    let launched = launched.json()?;
    assert_eq!(launched["state"], "succeeded", "{launched}");
    let output = launched["output"].as_str().unwrap();
    assert!(output.contains("Apply complete! Resources: 1 added"), "{output}");
    // Queued behind the warm VMs, it came third.
    assert_eq!(launched["hostnames"], serde_json::json!(["lablink-vm-dev-3"]));
    allocator.until_free(3).await
}

#[tokio::test]
async fn bad_wishes_and_strangers_are_refused_with_a_sentence() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let (organiser, browser) = (allocator.organiser()?, allocator.organisers_browser()?);
    for (typed, sentence) in [
        ("", "Number of VMs is required."),
        ("three", "Invalid number of VMs. Please enter a valid integer."),
        ("0", "Number of VMs must be greater than 0."),
        ("-1", "Number of VMs must be greater than 0."),
    ] {
        let wish = [("num_vms", typed)];
        let refused = organiser.post_form("/api/launch", &wish).await?.expect(422)?;
        assert_eq!(refused.json()?["error"], sentence);
        let form = browser.post_form("/api/launch", &wish).await?.expect(422)?;
        assert!(form.text().contains(sentence), "{}", form.body);
        assert!(form.body.contains("<form"), "{}", form.body);
    }

    for caller in [allocator.program()?, allocator.browser()?] {
        for refused in [
            caller.get("/admin").await?,
            caller.get("/admin/instances").await?,
            caller.get("/api/operations").await?,
            caller.get("/api/vm-status").await?,
            caller.post_form("/api/launch", &[("num_vms", "1")]).await?,
            caller.post_form("/destroy", &[]).await?,
        ] {
            let refused = refused.expect(401)?;
            assert!(refused.header("www-authenticate")?.starts_with("Basic realm=\"LabLink\""));
        }
    }
    // Nothing but the warm VMs was ever asked for.
    assert_eq!(allocator.operations().await?.len(), 1);
    assert_eq!(allocator.free_count().await?, 2);
    Ok(())
}
