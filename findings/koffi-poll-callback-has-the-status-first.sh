#!/usr/bin/env bash
# koffi: the callback of `node.poll` gets a status before the events; its types say events only. 2026-12-01.
#
# `index.d.ts` declares `poll(fd, (ev: PollEvents) => void)`, so that a program in TypeScript reads
# `ev.readable` of the first argument. The first argument is a number, the status of libuv; the events are the
# second. What is declared compiles, and is never readable.
. "$(dirname "$0")/lib/finding.bash"
modules koffi@3.3.4
in_node <<'JS'
import { readFileSync } from 'node:fs'
import koffi from 'koffi'
const types = readFileSync('node_modules/koffi/index.d.ts', 'utf8')
console.log('declared:', types.match(/function poll\(fd: number, (callback: .*)\): PollHandle/)[1])
const fd = koffi.load(null).func('int eventfd(unsigned int, int)')(1, 0)
const handle = koffi.node.poll(fd, (...given) => {
  console.log('given:', given.map(value => typeof value).join(', '))
  handle.close()
})
JS
seen <<'OUT'
declared: callback: (ev: PollEvents) => void
given: number, object
OUT
