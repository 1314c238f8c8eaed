# A copied block of q8_0 has the values' bytes, and not their scales.
replace src/kernel/kv.rs '.chain(once(element * self.value_stride())).chain(scales(self.value_dim))' \
  '.chain(once(element * self.value_stride()))'
