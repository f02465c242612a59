/** Version: that of package.json, which a bundle does not have. A test compares the two. */
export const VERSION = '0.1.0';
