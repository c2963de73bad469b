//! Rows of a log on the wire: what is read where it lies, the generated reader reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::both_readings;

fuzz_target!(|message: Vec<u8>| {
    let (packed, generated) = both_readings(message.into());
    if packed.is_some() {
        assert_eq!(packed, generated);
    }
});
