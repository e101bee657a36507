//! A database that is there and refuses something: the operation ends as failed and says why, and
//! those after it have their turn. Only one that is away is waited for.

use lablink_core::{
    collections,
    operations::{self, Operation, OperationId, OperationState},
    vms::Selection,
};

use crate::lab::{TerraformLab, admin};

impl TerraformLab {
    /// The database refuses such writes, for example `insert on event`, until [`Self::let_again`].
    async fn refuse(&self, write: &str) {
        self.sql(
            "create or replace function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'this row is cursed'; end $$",
        )
        .await;
        self.sql(&format!(
            "create trigger refused before {write} for each row execute function refuse()"
        ))
        .await;
    }

    async fn let_again(&self) {
        self.sql("drop function refuse() cascade").await;
    }

    async fn is_told(&self, id: OperationId) -> Operation {
        let operation = self.ended(id).await;
        assert_eq!(operation.state, OperationState::Failed, "{operation:?}");
        let reason = operation.reason.as_deref().unwrap_or_default();
        assert!(reason.contains("this row is cursed"), "{reason}");
        operation
    }

    async fn collect(&self) -> OperationId {
        let slp = "slp".parse().unwrap();
        collections::collect(&self.by(admin()), &Selection::All, slp).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_refused_is_a_failure_and_holds_nobody_up() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    // What Terraform said can't be written, so the end can't be as it was.
    lab.refuse("insert on operation_log").await;
    let first = lab.launch(1).await;
    lab.is_told(first).await;
    lab.is_told(lab.launch(1).await).await;
    lab.let_again().await;
    lab.works_again().await;
    // The end can only be written without anything beside its own row.
    lab.refuse("insert on event").await;
    let sql = "insert into operation (pool_id, kind, payload, actor)
               select id, 'destroy', '{\"hostnames\": []}', 'admin:x' from pool;
               select pg_notify('operation_changed', (select max(id) from operation)::text)";
    lab.sql(sql).await;
    let id = lab.count("select max(id) from operation").await.into();
    lab.is_told(id).await;
    lab.let_again().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_refused_is_a_failure_whatever_its_kind() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    // A way out of a conflict.
    let state = std::fs::read_to_string(lab.path("state/test.tfstate")).unwrap();
    std::fs::write(lab.path("state/test.tfstate"), "").unwrap();
    let met = lab.ended(lab.launch(1).await).await;
    assert_eq!(met.state, OperationState::Failed);
    lab.refuse("insert or update on terraform_state").await;
    let out = operations::bring_back(&lab.by(admin()), met.id).await.unwrap();
    lab.is_told(out).await;
    // A change.
    std::fs::write(lab.path("state/test.tfstate"), state).unwrap();
    lab.is_told(lab.destroy(Selection::All).await).await;
    lab.let_again().await;
    // A collection.
    lab.sql("alter table vm_presence rename to cursed").await;
    let id = lab.collect().await;
    let failed = format!("select count(*) from operation where id = {id} and state = 'failed'");
    let ended = async {
        while lab.count(&failed).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(2), ended).await.expect("it ends");
    lab.sql("alter table cursed rename to vm_presence").await;
    let reason = lab.operation(id).await.reason.unwrap();
    assert!(reason.contains("vm_presence"), "{reason}");
    worker.stop().await;
}
