use futures_util::{Stream, stream};
use lablink_core::{
    Db, DbError,
    logs::{self, Line, Place, Query},
    vms::VmId,
};

/// Lines that are in memory at once.
const PIECE: i64 = 1_000;

/// A VM's whole log up to now, in pieces: however long it is, little of it is in memory. None:
/// nothing has been written.
pub async fn whole(
    db: Db,
    vm_id: VmId,
) -> Result<Option<impl Stream<Item = Result<Vec<Line>, DbError>> + use<>>, DbError> {
    let query = Query { place: Place::End, since: None, search: None, limit: 1 };
    // The end for this reader, so that a log which grows faster than it is read still ends.
    let Some(end) = logs::read(&db, vm_id, &query).await?.pop() else { return Ok(None) };
    let pieces = stream::try_unfold((db, 0), move |(db, last)| async move {
        if last >= end.id {
            return Ok(None);
        }
        let query = Query { place: Place::After(last), since: None, search: None, limit: PIECE };
        let mut lines = logs::read(&db, vm_id, &query).await?;
        lines.retain(|line| line.id <= end.id);
        let last = lines.last().map(|line| line.id);
        Ok(last.map(|last| (lines, (db, last))))
    });
    Ok(Some(pieces))
}
