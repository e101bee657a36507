use lablink_core::{operations, vms::Selection};

use crate::lab::{TerraformLab, admin, vm};

#[tokio::test(flavor = "multi_thread")]
async fn two_allocators_fighting_over_ten_operations_never_run_two_terraforms() {
    let lab = TerraformLab::new().await;
    let (one, two) = tokio::join!(lab.worker("a"), lab.worker("b"));
    let mut ids = Vec::new();
    for round in 0..5 {
        ids.push(lab.launch(2).await);
        let selection = Selection::These(vec![vm("1")]);
        if round % 2 == 1
            && let Ok(id) = operations::destroy(&lab.by(admin()), &selection).await
        {
            ids.push(id);
        }
        ids.push(lab.launch(1).await);
    }
    assert!(ids.len() >= 10);
    for id in &ids {
        lab.succeeds(*id).await;
    }
    lab.tells_one_story().await;
    let ends = "select count(*) from event where kind = 'operation.finished'";
    assert_eq!(lab.count(ends).await, i64::try_from(ids.len()).unwrap(), "each ends once");
    let in_order = "select count(*) from operation a join operation b
                    on b.id > a.id and b.started_at < a.finished_at";
    assert_eq!(lab.count(in_order).await, 0, "in order, one at a time");
    lab.works_again().await;
    tokio::join!(one.stop(), two.stop());
}
