//! A runtime that may compute only a share of the time: what it says is the same, and it hears what is asked
//! while it rests.
#![cfg(feature = "testing")]

use crate::support::scenario::*;
use wick::error::ErrorKind;
use wick::runtime::{EndReason, Mode, Reading, Runtime, RuntimeOptions};
use wick::testing::Script;

fn paced(percent: u32) -> RuntimeOptions {
    RuntimeOptions { pace_percent: percent, ..options(Mode::Threads) }
}

#[test]
fn shares_out_of_range_and_on_the_hosts_thread_are_refused() {
    let _watchdog = watchdog();
    let kind = |options: RuntimeOptions| Runtime::new(options).err().map(|error| error.kind());
    assert_eq!(kind(paced(101)), Some(ErrorKind::InvalidArgument));
    assert_eq!(kind(RuntimeOptions { mode: Mode::HostStep, ..paced(50) }), Some(ErrorKind::Unsupported));
    for mode in [Mode::Threads, Mode::HostStep] {
        let runtime = Runtime::new(options(mode)).expect("a runtime");
        let kind = |percent| runtime.set_pace(percent).err().map(|error| error.kind());
        assert_eq!(kind(101), Some(ErrorKind::InvalidArgument));
        let expected = (mode == Mode::HostStep).then_some(ErrorKind::Unsupported);
        assert_eq!([kind(0), kind(1), kind(100)], [expected; 3]);
        runtime.shutdown(None).unwrap();
    }
}

#[test]
fn an_answer_at_a_small_share_is_the_same() {
    let _watchdog = watchdog();
    let script = || Script { delay_us: 2000, ..Script::saying("eight words of four bytes each!!") };
    let house = house_with(paced(25), script());
    // How long it takes is the share's arithmetic, tested beside it: this model sleeps, and computes nothing.
    assert_eq!(house.answer("Hi").said(), ("eight words of four bytes each!!", EndReason::Stop));
    house.runtime.set_pace(0).unwrap();
    assert_eq!(house.answer("Hi").end.reason, EndReason::Stop);
    house.close();
}

#[test]
fn cancels_and_the_shutdown_do_not_wait_for_the_end_of_a_rest() {
    let _watchdog = watchdog();
    // A slice of 30 s at 1 percent would be rested for for an hour.
    let house = house_with(paced(100), endless());
    let (_session, mut stream) = house.ask("Hi");
    let events = read_tokens(&mut stream, 3);
    house.runtime.set_pace(1).unwrap();
    stream.cancel();
    assert_eq!(read_on(events, &mut stream).end.reason, EndReason::Cancelled);
    let session = house.session();
    let mut stream = session.generate(asking("Hi"), Reading::default()).unwrap();
    read_tokens(&mut stream, 1);
    drop(stream);
    house.close();
}
