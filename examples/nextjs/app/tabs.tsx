'use client';

import { useRouter } from 'next/navigation';
import { useEffect } from 'react';

/** Has a sign-out in one tab seen in the others: `tell` on the page that follows it, on the others without. */
export function Tabs({ tell = false }: { tell?: boolean }) {
  const router = useRouter();
  useEffect(() => {
    const tabs = new BroadcastChannel('session');
    if (tell) tabs.postMessage('signed out');
    else tabs.onmessage = () => router.refresh();
    return () => tabs.close();
  }, [router, tell]);
  return null;
}
