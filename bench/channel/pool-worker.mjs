// Pool worker: the task that piscina runs for each Buffer.

import { use } from './message.mjs';

export default (buffer) => use(buffer);
