//! One route: how it is called, and what its caller must be allowed to do.

use axum::{
    extract::{DefaultBodyLimit, RawPathParams, Request},
    handler::Handler,
    http::Method,
    middleware::{Next, from_fn},
    response::IntoResponse,
    routing::{self, MethodRouter},
};
use lablink_core::Action;

use crate::{
    AppState,
    http::{LARGEST_BATCH, Problem, Wants, back_to_form, once::keyed},
};

/// One method of one path, and what its caller must be allowed to do.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub action: Action,
    pub sites: Sites,
    pub handler: MethodRouter<AppState>,
    /// Of a post by which people begin or change something: the page that has its form.
    pub form: Option<&'static str>,
}

/// Whose pages may lead a browser to a path.
pub enum Sites {
    Any,
    /// Reading it alone does something: our own pages, and programs.
    Own,
}

impl Route {
    /// For bodies that are larger than most.
    pub fn taking_batches(self) -> Self {
        Self { handler: self.handler.layer(DefaultBodyLimit::max(LARGEST_BATCH)), ..self }
    }

    /// For what does something by being read.
    pub fn refusing_other_sites(self) -> Self {
        Self { sites: Sites::Own, ..self }
    }
}

pub fn get<H: Handler<T, AppState>, T: 'static>(
    path: &'static str,
    action: Action,
    of: H,
) -> Route {
    Route {
        method: Method::GET,
        path,
        action,
        sites: Sites::Any,
        handler: routing::get(of),
        form: None,
    }
}

pub fn post<H: Handler<T, AppState>, T: 'static>(
    path: &'static str,
    action: Action,
    of: H,
) -> Route {
    Route {
        method: Method::POST,
        path,
        action,
        sites: Sites::Any,
        handler: routing::post(of),
        form: None,
    }
}

/// A post of people: sent twice with one key, it begins one thing. Who comes without posting is
/// led to `form`, the page that has its form.
pub fn begin<H: Handler<T, AppState>, T: 'static>(
    path: &'static str,
    action: Action,
    form: &'static str,
    of: H,
) -> Route {
    let route = post(path, action, of);
    let keyed = async move |params: RawPathParams, request: Request, next: Next| {
        let mut answer = keyed(request, next).await.into_response();
        Problem::send_back(&mut answer, back_to_form::filled(form, &params));
        answer
    };
    let otherwise = async move |params: RawPathParams, method: Method, wants: Wants| {
        back_to_form::answer(form, &params, &method, wants)
    };
    let handler = route.handler.route_layer(from_fn(keyed)).fallback(otherwise);
    Route { handler, form: Some(form), ..route }
}

pub fn delete<H: Handler<T, AppState>, T: 'static>(
    path: &'static str,
    action: Action,
    of: H,
) -> Route {
    Route {
        method: Method::DELETE,
        path,
        action,
        sites: Sites::Any,
        handler: routing::delete(of).route_layer(from_fn(keyed)),
        form: None,
    }
}
