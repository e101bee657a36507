use jiff::Timestamp;

use crate::{Db, DbError, db::like::containing, ids::VmId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Grows within a VM.
    pub id: i64,
    pub at: Timestamp,
    pub text: String,
}

/// Where in a log to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The last lines.
    End,
    /// The last lines before the one with this id.
    Before(i64),
    /// The first lines after the one with this id; after 0: from the start.
    After(i64),
}

#[derive(Clone, Debug)]
pub struct Query<'a> {
    pub place: Place,
    /// Lines from then on.
    pub since: Option<Timestamp>,
    /// Lines that hold this text, in small or capital letters.
    pub search: Option<&'a str>,
    /// How many lines at most.
    pub limit: i64,
}

/// Lines of one VM (its `vm.id`), oldest first.
pub async fn read(db: &Db, vm_id: VmId, query: &Query<'_>) -> Result<Vec<Line>, DbError> {
    let (bound, order) = match query.place {
        Place::End => (i64::MAX, "id < $2 order by id desc"),
        Place::Before(id) => (id, "id < $2 order by id desc"),
        Place::After(id) => (id, "id > $2 order by id"),
    };
    let client = db.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "select id, at, line from log_line
             where vm_id = $1 and ($3::timestamptz is null or at >= $3)
               and ($4::text is null or line ilike $4) and {order} limit $5"
        ))
        .await?;
    let pattern = query.search.map(containing);
    let rows =
        client.query(&statement, &[&vm_id, &bound, &query.since, &pattern, &query.limit]).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        lines.push(Line {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            text: row.try_get("line")?,
        });
    }
    if !matches!(query.place, Place::After(_)) {
        lines.reverse();
    }
    Ok(lines)
}

/// The id of the VM's last line; 0 where there is none.
pub async fn last_id(db: &Db, vm_id: VmId) -> Result<i64, DbError> {
    let client = db.client().await?;
    let sql = "select coalesce(max(id), 0) from log_line where vm_id = $1";
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_one(&statement, &[&vm_id]).await?.try_get(0)?)
}
