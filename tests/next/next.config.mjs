/** The lock file of the workspace above makes Next look for its root there. */
export default { turbopack: { root: import.meta.dirname } };
