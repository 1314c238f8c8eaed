//! The x86-64 instruction sets; knows no kernel.

mod avx2;
mod avx512;
mod books;

use super::table::{InstructionSet, Kernels, instantiate};
use avx2::Avx2;
use avx512::Avx512;

// SAFETY (of the token): only kernels compiled for these features see it, and `tables` hands them out where
// the processor has them.
static AVX512: Kernels = instantiate!(
    InstructionSet::Avx512,
    // SAFETY: see above.
    unsafe { Avx512::new_unchecked() },
    crate::kernel::product::product,
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
);

// SAFETY (of the token): as above.
static AVX_VNNI: Kernels = instantiate!(
    InstructionSet::AvxVnni,
    // SAFETY: see above.
    unsafe { Avx2::<true>::new_unchecked() },
    crate::kernel::product::product,
    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
);

// SAFETY (of the token): as above.
static AVX2: Kernels = instantiate!(
    InstructionSet::Avx2,
    // SAFETY: see above.
    unsafe { Avx2::<false>::new_unchecked() },
    crate::kernel::product::product,
    #[target_feature(enable = "avx2,fma,f16c")]
);

/// The tables that this processor can run, slowest first.
pub(crate) fn tables() -> impl Iterator<Item = &'static Kernels> {
    let tables = [
        Avx2::<false>::exists().then_some(&AVX2),
        Avx2::<true>::exists().then_some(&AVX_VNNI),
        Avx512::exists().then_some(&AVX512),
    ];
    tables.into_iter().flatten()
}
