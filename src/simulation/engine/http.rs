//! HTTP as both engines' APIs speak it: connections, questions, and the bodies of answers.

use std::convert::Infallible;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::DuplexStream;

use crate::simulation::machine::content::Content;
use crate::simulation::machine::{Machine, Power};

/// What answers have for a body: bytes, or a stream of them.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves a connection for as long as there is power and a client.
pub(super) async fn serve<F, A>(machine: &Weak<Machine>, stream: DuplexStream, answer: F)
where
    F: Fn(Arc<Machine>, Request<Incoming>) -> A,
    A: Future<Output = Response<Body>>,
{
    let Some(mut power) = machine.upgrade().map(|machine| machine.power()) else { return };
    let service = service_fn(|request| {
        let answered = machine.upgrade().map(|machine| answer(machine, request));
        async move {
            Ok::<_, Infallible>(match answered {
                Some(answered) => answered.await,
                None => empty(StatusCode::SERVICE_UNAVAILABLE),
            })
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A connection that breaks is the client's affair.
        _ = connection => {}
        _ = power.wait_for(|power| *power == Power::Off) => {}
    }
}

/// An answer that does not say what it is.
pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    plain(status, Bytes::new())
}

/// An answer of a content type.
pub(super) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = plain(status, body);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// A line of JSON.
pub(super) fn told(status: StatusCode, value: &Value) -> Response<Body> {
    typed(status, "application/json", value.to_string() + "\n")
}

/// An answer that comes piece by piece.
pub(super) fn streamed(
    kind: &'static str,
    pieces: impl futures::Stream<Item = Bytes> + Send + 'static,
) -> Response<Body> {
    let frames = pieces.map(|piece| Ok(Frame::data(piece)));
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// Adds headers to an answer.
pub(super) fn add_headers<'a>(
    response: &mut Response<Body>,
    fields: impl IntoIterator<Item = (&'static str, &'a str)>,
) {
    for (name, value) in fields {
        if let Ok(value) = header::HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// What was sent, as it comes.
pub(super) async fn receive(mut body: Incoming) -> Result<Content, hyper::Error> {
    let mut content = Content::default();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            content.append(data);
        }
    }
    Ok(content)
}

/// The parts of a path, without slashes and percent signs.
pub(super) fn parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

/// The part of a path behind the question mark.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `key=value&…`.
    pub(super) fn new(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    pair.split_once('=')
                        .map_or((decoded(pair), String::new()), |(key, value)| (decoded(key), decoded(value)))
                })
                .collect(),
        )
    }

    /// The value of a key, in whatever case that is written.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a key is there and true.
    pub(super) fn is(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value, "true" | "1" | "True"))
    }
}

/// Text without percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
