//! A request's body, no longer and no later than it may be; knows no API.

use crate::failure::Failure;
use crate::options::Limits;
use async_io::Timer;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Bytes, Incoming};
use smol::future::or;

/// All of the body.
///
/// # Errors
/// 413 if it is longer than it may be, 408 if it is not there in time, 400 if it breaks off.
pub async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, Failure> {
    let most = limits.body();
    if body.size_hint().lower() > most as u64 {
        return Err(too_long(most));
    }
    let whole = async {
        match Limited::new(body, most).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_long(most)),
            Err(error) => Err(Failure::bad(format!("the body breaks off: {error}"))),
        }
    };
    let late = async {
        Timer::after(limits.read()).await;
        let message = format!("the body is not there after {} s", limits.read().as_secs());
        Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", message))
    };
    or(whole, late).await
}

fn too_long(most: usize) -> Failure {
    let message = format!("the body is longer than {} KiB (--max-body)", most / 1024);
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", message)
}
