//! Structs with a `struct_size`: older and newer callers, checked before anything else of them is read; knows
//! no field.

use crate::error::{Error, ErrorKind, Result};
use std::mem::{MaybeUninit, size_of};
use std::ptr;

/// More than any of these structs will ever have: a size above it was never set.
const MAX_SIZE: usize = 1 << 16;

/// A struct of the C ABI that begins with its `struct_size`.
///
/// # Safety
/// `repr(C)`, the first field is `struct_size: u32`, and any bytes are a valid value.
pub(in crate::ffi) unsafe trait Versioned: Sized {
    /// Its name in C.
    const NAME: &'static str;
    /// Its size in the first release. This is the first release: freeze the number when a field is added.
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// Copies a struct that the caller gave; fields that it does not have are zero.
///
/// # Errors
/// `InvalidArgument` for NULL or a wrong `struct_size`; `Unsupported` for fields that this release does not
/// know and that are not zero.
///
/// # Safety
/// `from` is NULL or readable for as many bytes as its `struct_size` says.
pub(in crate::ffi) unsafe fn input<T: Versioned>(from: *const T) -> Result<T> {
    // SAFETY: as promised by the caller.
    unsafe { input_with(from, |_| ()) }.map(|(copy, ())| copy)
}

/// As [`input`], for options that may be left out: NULL is all zero.
///
/// # Errors
/// As [`input`], but for NULL.
///
/// # Safety
/// As for [`input`].
pub(in crate::ffi) unsafe fn input_or_zero<T: Versioned>(from: *const T) -> Result<T> {
    if from.is_null() {
        // SAFETY: any bytes are a valid `T`.
        return Ok(unsafe { std::mem::zeroed() });
    }
    // SAFETY: as promised by the caller.
    unsafe { input(from) }
}

/// As [`input`], for a struct that brings what is to be dropped: `take` takes hold of that as soon as the
/// size is known to be good, so that it is dropped too if the rest is refused.
///
/// # Errors
/// As [`input`].
///
/// # Safety
/// As for [`input`].
pub(in crate::ffi) unsafe fn input_with<T: Versioned, U>(
    from: *const T,
    take: impl FnOnce(&T) -> U,
) -> Result<(T, U)> {
    // SAFETY: as promised by the caller.
    let size = unsafe { size_at::<T>(from) }?;
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: both sides have that many bytes; any bytes are a valid `T`.
    let copy = unsafe {
        ptr::copy_nonoverlapping(from.cast::<u8>(), copy.as_mut_ptr().cast(), size.min(size_of::<T>()));
        copy.assume_init()
    };
    let taken = take(&copy);
    // SAFETY: as promised by the caller: `size` bytes are readable, bytes need no alignment.
    let tail = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) }.get(size_of::<T>()..);
    if tail.is_some_and(|tail| tail.iter().any(|byte| *byte != 0)) {
        let message = format!(
            "{} has {size} bytes, this release knows {}, and what follows is not zero",
            T::NAME,
            size_of::<T>()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok((copy, taken))
}

/// A struct that the caller wants filled, whose size is good.
pub(in crate::ffi) struct Output<T> {
    to: *mut T,
    size: usize,
}

impl<T: Versioned> Output<T> {
    /// # Errors
    /// `InvalidArgument` for NULL or a wrong `struct_size`.
    ///
    /// # Safety
    /// `to` is NULL or writable for as many bytes as its `struct_size` says, as long as this lives.
    pub(in crate::ffi) unsafe fn new(to: *mut T) -> Result<Self> {
        // SAFETY: as promised by the caller.
        let size = unsafe { size_at::<T>(to) }?;
        Ok(Self { to, size })
    }

    /// Fills what both sides know and zeroes the rest; `struct_size` stays.
    pub(in crate::ffi) fn write(&self, value: &T) {
        let head = size_of::<u32>();
        let known = self.size.min(size_of::<T>());
        let to = self.to.cast::<u8>();
        // SAFETY: `new` was promised `size` writable bytes; `value` has `known` of them; the two are
        // different objects.
        unsafe {
            ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>().add(head), to.add(head), known - head);
            ptr::write_bytes(to.add(known), 0, self.size - known);
        }
    }
}

/// # Safety
/// `at` is NULL or points to a readable `u32`.
unsafe fn size_at<T: Versioned>(at: *const T) -> Result<usize> {
    let bad = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
    if at.is_null() {
        return bad(format!("the {} is NULL", T::NAME));
    }
    // SAFETY: not null; as promised by the caller.
    let size = unsafe { at.cast::<u32>().read_unaligned() } as usize;
    if (T::FIRST_SIZE..=MAX_SIZE).contains(&size) {
        return Ok(size);
    }
    bad(format!(
        "{0}.struct_size is {size}; set it to sizeof({0}), which is {1} or more",
        T::NAME,
        T::FIRST_SIZE
    ))
}
