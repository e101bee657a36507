use crate::{Db, DbError};

/// What this allocator's role would have to be allowed in the database and is not, as `claim: update`
/// or `schema public: create`. None: nothing is missing.
pub async fn missing_rights(db: &Db) -> Result<Vec<String>, DbError> {
    let sql = "select class.relname || ': ' || wanted.word as missing
        from pg_class as class
             cross join (values ('select'), ('insert'), ('update'), ('delete')) as wanted(word)
        where class.relnamespace = (select oid from pg_namespace where nspname = current_schema())
          and class.relkind in ('r', 'p') and not has_table_privilege(class.oid, wanted.word)
        union all
        select class.relname || ': owner' from pg_class as class
        where class.relnamespace = (select oid from pg_namespace where nspname = current_schema())
          and class.relkind in ('r', 'p') and not pg_has_role(class.relowner, 'usage')
        union all
        select 'schema ' || coalesce(current_schema(), 'public') || ': create'
        where not coalesce(has_schema_privilege(current_schema(), 'create'), false)
        order by missing";
    let client = db.client().await?;
    client.query(sql, &[]).await?.iter().map(|row| Ok(row.try_get("missing")?)).collect()
}
