//! One route: how it is called, what its caller must be allowed to do, and how it is described.

use axum::{
    extract::{DefaultBodyLimit, RawPathParams, Request},
    handler::Handler,
    http::Method,
    middleware::{Next, from_fn},
    response::IntoResponse,
    routing::{self, MethodRouter},
};
use lablink_core::Action;
use utoipa::openapi::{
    RefOr, Required, Schema,
    path::{Operation, PathItem},
};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{
    AppState,
    http::{Problem, Wants, back_to_form, once::keyed, tag::Tagged},
    logs::LARGEST_BATCH,
};

/// One method of one path, and what its caller must be allowed to do.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub action: Action,
    pub sites: Sites,
    pub handler: MethodRouter<AppState>,
    /// The page with its form, if people begin or change something by this route.
    pub form: Option<&'static str>,
    /// How its answers are tagged, if programs repeat it.
    pub tagged: Option<Tagged>,
    /// None: a part of the pages, of which the `OpenAPI` document says nothing.
    pub description: Option<Description>,
}

/// What a handler says of itself, with the types that it names.
pub struct Description {
    pub operation: Operation,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// Whose pages may lead a browser to a path.
pub enum Sites {
    Any,
    /// Our own pages, and programs: reading such a path does something.
    Own,
}

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        action: Action,
        handler: MethodRouter<AppState>,
    ) -> Self {
        let (form, tagged, description) = (None, None, None);
        Self { method, path, action, sites: Sites::Any, handler, form, tagged, description }
    }

    /// Describes the route as its handler's `utoipa::path` does, which leaves its own path empty.
    pub fn described(
        self,
        group: &str,
        (schemas, mut paths, _): UtoipaMethodRouter<AppState>,
    ) -> Self {
        let item = paths.paths.pop_first().map(|(_, item)| item).unwrap_or_default();
        let PathItem { get, post, delete, .. } = item;
        let operation = match self.method {
            Method::GET => get,
            Method::POST => post,
            Method::DELETE => delete,
            _ => None,
        };
        let description = operation.map(|mut operation| {
            operation.tags = Some(vec![group.to_owned()]);
            Description { operation, schemas }
        });
        Self { description, ..self }
    }

    /// For bodies that are larger than most.
    pub fn taking_batches(self) -> Self {
        Self { handler: self.handler.layer(DefaultBodyLimit::max(LARGEST_BATCH)), ..self }
    }

    /// For what programs ask again and again.
    pub fn tagged_by_content(self) -> Self {
        Self { tagged: Some(Tagged::ByContent), ..self }
    }

    /// For a long answer that programs ask for again and again.
    pub fn tagged_by_changes(self) -> Self {
        Self { tagged: Some(Tagged::ByChanges), ..self }
    }

    /// For a `get` that does something.
    pub fn refusing_other_sites(self) -> Self {
        Self { sites: Sites::Own, ..self }
    }

    /// For a post whose body a program may leave out.
    pub fn without_body_too(mut self) -> Self {
        let described = self.description.as_mut();
        if let Some(RefOr::T(body)) = described.and_then(|it| it.operation.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
        self
    }

    /// Whether people begin or change something by it, so that it takes a key.
    pub fn begins_something(&self) -> bool {
        self.form.is_some() || self.method == Method::DELETE
    }
}

pub fn get<H: Handler<T, AppState>, T: 'static>(
    path: &'static str,
    action: Action,
    of: H,
) -> Route {
    Route::new(Method::GET, path, action, routing::get(of))
}

pub fn post<H: Handler<T, AppState>, T: 'static>(
    path: &'static str,
    action: Action,
    of: H,
) -> Route {
    Route::new(Method::POST, path, action, routing::post(of))
}

/// A post of people: sent twice with one key, it begins one thing. A caller that does not post is led
/// to `form`, the page that has its form.
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
    Route::new(Method::DELETE, path, action, routing::delete(of).route_layer(from_fn(keyed)))
}
