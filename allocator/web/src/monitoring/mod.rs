//! What load balancers, service managers and Prometheus ask.

pub mod health;
pub mod metrics;
pub mod tasks;
pub mod tasks_page;
