//! The parts of lists.

use std::fmt;

use tokio_postgres::{Row, types::ToSql};

use super::{
    Counts, State, Vm,
    list::{self, COLUMNS},
};
use crate::{DbError, db::Client, pools::Pool};

/// A part of a list, in which VMs follow each other by one key, as they do in an index.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// What is walked along: `vm`, alone or with the table that has the key.
    from: &'static str,
    /// May name its arguments, from `$2` on.
    condition: &'static str,
    arguments: Vec<String>,
    key: Key,
    /// The state of all its VMs, if they have one.
    state: Option<State>,
}

/// What VMs follow each other by. Each value occurs once in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Number,
    /// In the order of their rows.
    Oldest,
    Newest,
    Name,
    Person,
}

/// Where a VM is in a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Number(i64),
    Text(String),
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

macro_rules! name {
    () => {
        "vm.hostname collate \"C\""
    };
}

macro_rules! person {
    () => {
        "coalesce(claim.person, claim.email) collate \"C\""
    };
}

/// People whose address begins with `$2`. `$4` is the number of a VM that was listed before.
pub(super) const PERSON_FROM: &str = concat!(
    person!(),
    " >= $2 and ",
    person!(),
    " < $3 and vm.number is distinct from $4::text::int"
);

/// VMs whose name begins with `$2`, without those that were listed before: by the number `$4`, and
/// by the beginning of their participant's address. The subquery looks at one VM after the other: as
/// `not exists`, it becomes a join that reads all claims first.
pub(super) const NAME_FROM: &str = concat!(
    name!(),
    " >= $2 and ",
    name!(),
    " < $3 and vm.number is distinct from $4::text::int \
      and coalesce((select not (",
    person!(),
    " >= $5 and ",
    person!(),
    " < $6) from claim where claim.id = vm.claim_id), true)"
);

/// All of these: by the number `$2`, by name, by person.
pub(super) const MATCHING: &str = concat!(
    "vm.id in (
         select vm.id from vm where vm.pool_id = $1 and vm.removed_at is null
             and vm.number = $2::text::int
         union all select vm.id from vm where vm.pool_id = $1 and vm.removed_at is null and ",
    name!(),
    " >= $3 and ",
    name!(),
    " < $4
         union all select claim.vm_id from claim
         where claim.pool_id = $1 and claim.released_at is null and ",
    person!(),
    " >= $5 and ",
    person!(),
    " < $6)"
);

impl Key {
    fn sql(self) -> &'static str {
        match self {
            Self::Number => "vm.number",
            Self::Oldest => "vm.id",
            // As its index has it, so that no other one seems as good.
            Self::Newest => "-vm.id",
            Self::Name => name!(),
            Self::Person => person!(),
        }
    }

    /// That of a row which [`Stretch::read`] has read.
    fn of(self, row: &Row) -> Result<Mark, DbError> {
        Ok(match self {
            Self::Number => Mark::Number(row.try_get::<_, i32>("key")?.into()),
            Self::Oldest | Self::Newest => Mark::Number(row.try_get("key")?),
            Self::Name | Self::Person => Mark::Text(row.try_get("key")?),
        })
    }
}

impl Stretch {
    fn new(condition: &'static str, arguments: Vec<String>, key: Key) -> Self {
        Self { from: "vm", condition, arguments, key, state: None }
    }

    pub fn numbered(condition: &'static str, arguments: Vec<String>) -> Self {
        Self::new(condition, arguments, Key::Number)
    }

    pub fn named(condition: &'static str, arguments: Vec<String>) -> Self {
        Self::new(condition, arguments, Key::Name)
    }

    pub fn newest() -> Self {
        Self::new("true", Vec::new(), Key::Newest)
    }

    /// Those that a participant has.
    pub fn of_people(condition: &'static str, arguments: Vec<String>) -> Self {
        let from = "claim join lateral (select * from vm where id = claim.vm_id limit 1) as vm \
                    on claim.released_at is null and claim.pool_id = $1";
        Self { from, ..Self::new(condition, arguments, Key::Person) }
    }

    /// All VMs. Machines without a number come last.
    pub fn by_number() -> [Self; 2] {
        [
            Self::numbered("vm.number is not null", Vec::new()),
            Self::new("vm.number is null", Vec::new(), Key::Oldest),
        ]
    }

    /// The same, of those in a state.
    pub fn in_state(state: State) -> [Self; 2] {
        let parts = [
            ("vm.state = $2 and vm.number is not null", Key::Number),
            ("vm.state = $2 and vm.number is null", Key::Oldest),
        ];
        parts.map(|(condition, key)| Self {
            state: Some(state),
            ..Self::new(condition, vec![state.to_string()], key)
        })
    }

    /// Whether it has no VM as far as these tell.
    pub fn is_empty_by(&self, counts: &Counts) -> bool {
        self.state.is_some_and(|state| counts.of(state) == 0)
    }

    /// A mark that is written as `text`; none: no mark of this stretch is.
    pub fn mark(&self, text: &str) -> Option<Mark> {
        match self.key {
            Key::Name | Key::Person => Some(Mark::Text(text.to_owned())),
            Key::Number | Key::Oldest | Key::Newest => text.parse().ok().map(Mark::Number),
        }
    }

    /// The next VMs after a mark: `limit`, or some more. Without one, from the begin of the stretch
    /// or, going backward, from its end.
    pub async fn read(
        &self,
        client: &Client,
        pool: &Pool,
        direction: Direction,
        after: Option<&Mark>,
        limit: usize,
    ) -> Result<Vec<(Mark, Vm)>, DbError> {
        let Self { from, condition, arguments, key, .. } = self;
        let by = key.sql();
        let (than, order) = match direction {
            Direction::Forward => (">", "asc"),
            Direction::Backward => ("<", "desc"),
        };
        let bound = match after {
            None => String::new(),
            Some(Mark::Number(_)) => format!("and {by} {than} ${}::bigint", arguments.len() + 2),
            Some(Mark::Text(_)) => format!("and {by} {than} ${}::text", arguments.len() + 2),
        };
        // The planner has to know the limit; and few limits are few statements to keep. A `limit 1`
        // has it look for one row after the other: in a middling pool it would read a whole table for
        // the sake of a page.
        let limit = limit.next_power_of_two();
        let sql = format!(
            "{COLUMNS}, vm.key
             from (select vm.*, {by} as key from {from}
                   where vm.pool_id = $1 and vm.removed_at is null and {condition} {bound}
                   order by {by} {order} limit {limit}) as vm
             left join lateral (select * from vm_presence where vm_id = vm.id limit 1)
                  as vm_presence on true
             left join lateral (select * from vm_instance where vm_id = vm.id limit 1)
                  as vm_instance on true
             left join lateral (select * from claim where claim.id = vm.claim_id limit 1)
                  as claim on true
             order by vm.key {order}"
        );
        let pool = pool.as_i64();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&pool];
        parameters.extend(arguments.iter().map(|it| it as &(dyn ToSql + Sync)));
        match after {
            None => {}
            Some(Mark::Number(number)) => parameters.push(number),
            Some(Mark::Text(text)) => parameters.push(text),
        }
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &parameters).await?;
        rows.iter().map(|row| Ok((key.of(row)?, list::vm(row)?))).collect()
    }

    /// How many VMs are in it; `most` if there are more.
    pub async fn count(&self, client: &Client, pool: &Pool, most: i64) -> Result<i64, DbError> {
        let Self { from, condition, arguments, key, .. } = self;
        // In the order of the index, so that it is the index which is walked along.
        let by = key.sql();
        let sql = format!(
            "select count(*) from (
                 select from {from}
                 where vm.pool_id = $1 and vm.removed_at is null and {condition}
                 order by {by} limit {most}) as found"
        );
        let pool = pool.as_i64();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&pool];
        parameters.extend(arguments.iter().map(|it| it as &(dyn ToSql + Sync)));
        let statement = client.prepare_cached(&sql).await?;
        Ok(client.query_one(&statement, &parameters).await?.try_get(0)?)
    }
}
