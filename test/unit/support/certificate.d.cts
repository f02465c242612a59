/** A key and a certificate for localhost, made once for each process. */
export function selfSigned(): { key: Buffer; cert: Buffer };
