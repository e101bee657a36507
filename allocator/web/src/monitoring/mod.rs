//! Endpoints for load balancers, service managers and Prometheus.

pub mod health;
pub mod metrics;
pub mod tasks;
pub mod tasks_page;
