// For the test: the app in a browser, by react-native-web.
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import App from '../App';

createRoot(document.body.appendChild(document.createElement('div'))).render(createElement(App));
