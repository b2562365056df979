/** @type {import('next').NextConfig} */
export default {
  // This folder, though there is a lockfile above it.
  turbopack: { root: import.meta.dirname },
  poweredByHeader: false,
};
