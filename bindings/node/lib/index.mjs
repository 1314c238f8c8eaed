import wick from './index.js';

export const { Adapter, Model, Runtime, Session, Stream, WickError, buildInfo, version } = wick;
export default wick;
