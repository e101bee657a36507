//! One signed call over the SDK's runtime.

use std::{fmt, time::Duration};

use aws_config::SdkConfig;
use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    retries::classifiers::AwsErrorCodeClassifier,
};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        identity::SharedIdentityResolver,
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::{ErrorMetadata, metadata::ProvideErrorMetadata},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_types::{
    SigningName,
    region::{Region, SigningRegion},
    service_config::ServiceConfigKey,
};

use crate::{Aws, CallError, error::no_credentials};

/// A service, by the names that AWS has for it.
pub(crate) struct Service {
    /// In its host name.
    pub host: &'static str,
    pub signed_as: &'static str,
    /// In `AWS_ENDPOINT_URL_…` and in a profile's `services` section.
    pub id: &'static str,
    /// Whether it wants the sum of the body as a header.
    pub signs_bodies: bool,
    /// Code and message of an error.
    pub parse_error: fn(&HttpResponse, &str) -> Option<(String, String)>,
}

/// A request, whatever its service's protocol.
#[derive(Clone)]
pub(crate) struct Request {
    pub call: &'static str,
    pub at: At,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// Where a request goes.
#[derive(Clone)]
pub(crate) enum At {
    /// The one address of a service whose calls are named in them.
    Service,
    /// What has this path, made of characters that need no escape, is read.
    Get(String),
    /// The same, written.
    Put(String),
}

/// Bodies may hold what is nobody's business.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("call", &self.call).finish_non_exhaustive()
    }
}

/// An error that AWS answered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Answered(ErrorMetadata);

impl ProvideErrorMetadata for Answered {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl Aws {
    /// Calls a service in a region, and repeats that as the SDK does. The answer's body.
    pub(crate) async fn call(
        &self,
        service: &'static Service,
        region: &Region,
        request: Request,
    ) -> Result<String, CallError> {
        let call = request.call;
        let operation = operation(&self.0, service, region, call)?;
        operation.invoke(request).await.map_err(|error| CallError::from_sdk(call, &error))
    }
}

fn operation(
    config: &SdkConfig,
    service: &'static Service,
    region: &Region,
    call: &'static str,
) -> Result<Operation<Request, String, Answered>, CallError> {
    let none = || no_credentials("there is no source of credentials".to_owned());
    let credentials = config.credentials_provider().ok_or_else(none)?;
    let mut layer = Layer::new("signing");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let mut signing = SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region.clone())),
        name: Some(SigningName::from_static(service.signed_as)),
        ..SigV4OperationSigningConfig::default()
    };
    signing.signing_options.content_sha256_header = service.signs_bodies;
    layer.store_put(signing);
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new("signing");
    components
        .set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
        .push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    components.set_identity_cache(config.identity_cache());
    let signing =
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);

    let mut builder = Operation::builder()
        .service_name(service.signed_as)
        .operation_name(call)
        .endpoint_url(&endpoint(config, service, region))
        .standard_retry(config.retry_config().unwrap_or(&RetryConfig::standard()))
        .timeout_config(config.timeout_config().cloned().unwrap_or_else(no_timeouts))
        .retry_classifier(AwsErrorCodeClassifier::<Answered>::new())
        .with_connection_poisoning()
        .runtime_plugin(signing);
    if let Some(version) = config.behavior_version() {
        builder = builder.behavior_version(version);
    }
    if let Some(client) = config.http_client() {
        builder = builder.http_client(client);
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        builder = builder.time_source(time);
    }
    Ok(builder.serializer(serialize).deserializer(|answer| deserialize(service, answer)).build())
}

fn no_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build()
}

fn serialize(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    let (method, path) = match &request.at {
        At::Service => ("POST", "/"),
        At::Get(path) => ("GET", path.as_str()),
        At::Put(path) => ("PUT", path.as_str()),
    };
    http.set_method(method)?;
    http.set_uri(path)?;
    http.headers_mut().try_insert("user-agent", "lablink")?;
    for (name, value) in request.headers {
        http.headers_mut().try_insert(name, value)?;
    }
    Ok(http)
}

fn deserialize(
    service: &Service,
    answer: &HttpResponse,
) -> Result<String, OrchestratorError<Answered>> {
    let body = answer.body().bytes().unwrap_or_default();
    let body = std::str::from_utf8(body).map_err(OrchestratorError::other)?;
    if answer.status().is_success() {
        return Ok(body.to_owned());
    }
    let Some((code, message)) = (service.parse_error)(answer, body) else {
        let status = answer.status().as_u16();
        return Err(OrchestratorError::other(format!("status {status} without a reason")));
    };
    let said = ErrorMetadata::builder().code(code).message(message).build();
    Err(OrchestratorError::operation(Answered(said)))
}

/// As configured, for this service or all; else AWS's own.
fn endpoint(config: &SdkConfig, service: &Service, region: &Region) -> String {
    let key = ServiceConfigKey::builder()
        .service_id(service.id)
        .profile("endpoint_url")
        .env("AWS_ENDPOINT_URL");
    let own = |key| config.service_config()?.load_config(key);
    let configured = key.build().ok().and_then(own).filter(|url| !url.is_empty());
    if let Some(url) = configured.or_else(|| config.endpoint_url().map(str::to_owned)) {
        return url;
    }
    let region = region.as_ref();
    let ending = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{}.{region}.{ending}", service.host)
}
