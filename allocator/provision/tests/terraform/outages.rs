use std::time::Duration;

use lablink_core::operations::OperationState;
use lablink_test_db::TestDb;

use crate::lab::TerraformLab;

/// Lets nobody in, and throws out who is in.
async fn close(lab: &TerraformLab) -> tokio_postgres::Client {
    let other = TestDb::create().await;
    let (client, connection) = other.config().connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(async move {
        let _closed = connection.await;
        drop(other);
    });
    let name = lab.database.config().get_dbname().unwrap().to_owned();
    client.batch_execute(&format!("alter database {name} allow_connections false")).await.unwrap();
    let throw_out = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    client.query(throw_out, &[&name]).await.unwrap();
    client
}

async fn open(lab: &TerraformLab, client: &tokio_postgres::Client) {
    let name = lab.database.config().get_dbname().unwrap().to_owned();
    client.batch_execute(&format!("alter database {name} allow_connections true")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_outage_of_the_database_is_only_a_pause() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(4);
    let id = lab.launch(2).await;
    lab.in_the_middle().await;
    let door = close(&lab).await;
    // Terraform ends meanwhile, and its end can't be written yet.
    tokio::time::sleep(Duration::from_secs(7)).await;
    open(&lab, &door).await;
    let operation = lab.succeeds(id).await;
    assert_eq!((operation.done, operation.total), (2, 2));
    lab.heal();
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_of_the_database_stops_terraform_before_another_may_begin() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(600);
    let id = lab.launch(2).await;
    lab.in_the_middle().await;
    let door = close(&lab).await;
    tokio::time::sleep(Duration::from_secs(27)).await;
    // Asked to stop by now: what it waits for ends, and so does it.
    lab.heal();
    for pid in children_named("sleep", &lab) {
        crate::lab::signal(pid, nix::sys::signal::Signal::SIGTERM);
    }
    lab.eventually("Terraform has stopped", || lab.terraforms().is_empty()).await;
    open(&lab, &door).await;
    assert_eq!(lab.ended(id).await.state, OperationState::Interrupted);
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

fn children_named(name: &str, lab: &TerraformLab) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let inside = |pid: &i32| {
        std::fs::read_link(format!("/proc/{pid}/cwd"))
            .is_ok_and(|cwd| cwd == lab.path("a/terraform"))
    };
    let named = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    pids.filter(|pid| inside(pid) && named(pid)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_the_log_and_nothing_else() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.fault("full");
    let id = lab.launch(2).await;
    lab.ended(id).await;
    lab.heal();
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_fails_before_anything_is_made() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    // It blocks the operation's folder, even for root.
    std::fs::create_dir_all(lab.path("a")).unwrap();
    std::fs::write(lab.path("a/operations"), "").unwrap();
    let operation = lab.ended(lab.launch(1).await).await;
    assert_eq!(operation.state, OperationState::Failed);
    assert!(lab.state().is_empty());
    lab.tells_one_story().await;
    std::fs::remove_file(lab.path("a/operations")).unwrap();
    lab.works_again().await;
    worker.stop().await;
}
