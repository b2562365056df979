import { redirect } from 'next/navigation';
import { currentUser } from '../../lib/session';
import { ARRIVALS } from '../../lib/arrivals';

export default async function Dashboard() {
  const user = (await currentUser()) ?? redirect('/login');
  return (
    <section className="card">
      <h1>Arrivals today</h1>
      <table>
        <thead>
          <tr>
            <th>Due</th>
            <th>Ship</th>
            <th>From</th>
            <th>Berth</th>
          </tr>
        </thead>
        <tbody>
          {ARRIVALS.map(({ ship, from, berth, due }) => (
            <tr key={ship}>
              <td>{due}</td>
              <td>{ship}</td>
              <td>{from}</td>
              <td>{berth}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet">
        Rendered for {user.name}, with an access token that is good until{' '}
        {new Date(user.exp * 1000).toISOString().slice(11, 19)} UTC.
      </p>
    </section>
  );
}
