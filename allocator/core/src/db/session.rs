//! Connections and transactions that clean what they send.

use std::future::Future;

use tokio_postgres::{Error, Row, Statement, ToStatement, types::ToSql};

use super::cleaned::{Cleaned, Keeping};

/// A connection of the pool, or a transaction on one. It cleans each text and each JSON value among
/// the parameters of every statement, and gives no access to the driver's own connection.
pub struct Session<C> {
    inner: C,
    keeping: Keeping,
}

pub type Client = Session<deadpool_postgres::Object>;
pub type Transaction<'a> = Session<deadpool_postgres::Transaction<'a>>;

/// Each way to send a statement, as a method that needs no trait in scope, and as the trait's, for
/// functions that take a connection or a transaction.
macro_rules! statements {
    ($($method:ident -> $answer:ty;)+) => {
        impl<C: deadpool_postgres::GenericClient> Session<C> {
            $(pub async fn $method<T>(
                &self,
                statement: &T,
                parameters: &[&(dyn ToSql + Sync)],
            ) -> Result<$answer, Error>
            where
                T: ?Sized + ToStatement + Sync + Send,
            {
                let cleaned = Cleaned::each(parameters, self.keeping);
                let cleaned: Vec<_> = cleaned.iter().map(|it| it as &(dyn ToSql + Sync)).collect();
                self.inner.$method(statement, &cleaned).await
            })+
        }

        /// A [`Client`] or a [`Transaction`].
        pub trait GenericClient: Sync {
            $(fn $method<T>(
                &self,
                statement: &T,
                parameters: &[&(dyn ToSql + Sync)],
            ) -> impl Future<Output = Result<$answer, Error>> + Send
            where
                T: ?Sized + ToStatement + Sync + Send;)+

            fn prepare_cached(
                &self,
                statement: &str,
            ) -> impl Future<Output = Result<Statement, Error>> + Send;
        }

        impl<C: deadpool_postgres::GenericClient> GenericClient for Session<C> {
            $(async fn $method<T>(
                &self,
                statement: &T,
                parameters: &[&(dyn ToSql + Sync)],
            ) -> Result<$answer, Error>
            where
                T: ?Sized + ToStatement + Sync + Send,
            {
                self.$method(statement, parameters).await
            })+

            async fn prepare_cached(&self, statement: &str) -> Result<Statement, Error> {
                self.prepare_cached(statement).await
            }
        }
    };
}

statements! {
    query -> Vec<Row>;
    query_one -> Row;
    query_opt -> Option<Row>;
    execute -> u64;
}

impl<C: deadpool_postgres::GenericClient> Session<C> {
    /// Prepares a statement once for each connection.
    pub async fn prepare_cached(&self, statement: &str) -> Result<Statement, Error> {
        self.inner.prepare_cached(statement).await
    }

    /// Runs statements without parameters.
    pub async fn batch_execute(&self, statements: &str) -> Result<(), Error> {
        self.inner.batch_execute(statements).await
    }
}

impl Client {
    pub(super) fn new(inner: deadpool_postgres::Object) -> Self {
        Self { inner, keeping: Keeping::Words }
    }

    /// The same, for the lines of a log, which keep their colours.
    pub(crate) fn keeping_colours(self) -> Self {
        Self { keeping: Keeping::Colours, ..self }
    }

    /// Begins a transaction, which is rolled back unless it is committed.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        Ok(Session { inner: self.inner.transaction().await?, keeping: self.keeping })
    }
}

impl Transaction<'_> {
    pub async fn commit(self) -> Result<(), Error> {
        self.inner.commit().await
    }
}
