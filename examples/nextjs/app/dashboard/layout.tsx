import Link from 'next/link';
import type { ReactNode } from 'react';
import { Tabs } from '../tabs';
import { SignOut } from './sign-out';

export default function DashboardLayout({ children }: { children: ReactNode }) {
  return (
    <>
      <Tabs />
      <header>
        <p className="brand">Harbour office</p>
        <nav>
          <Link href="/dashboard">Arrivals</Link>
          {['A1', 'A2', 'B4', 'C1'].map((berth) => (
            <Link key={berth} href={`/dashboard/${berth}`}>
              Berth {berth}
            </Link>
          ))}
        </nav>
        <SignOut />
      </header>
      <main className="column">{children}</main>
    </>
  );
}
